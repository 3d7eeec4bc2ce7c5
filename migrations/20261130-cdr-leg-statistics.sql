-- Statistics of an expression exist only after the table has been analyzed: until then PostgreSQL expects that a 200th of all rows
-- names each leg. This reads a sample.
analyze asterisk_cdr;
