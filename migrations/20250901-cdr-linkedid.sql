-- What binds the rows of one call together: linkedid, and sequence for rows of the same second.
alter table asterisk_cdr
    add column peeraccount text,
    add column linkedid text,
    add column sequence integer;

-- The hourly run finds its calls by calldate and the rows of each by linkedid.
create index asterisk_cdr_linkedid on asterisk_cdr (linkedid);
-- About three rows share a linkedid. From its sample of a large table PostgreSQL would guess hundreds, and read the whole
-- table instead of the index.
alter table asterisk_cdr alter column linkedid set (n_distinct = -0.3);
alter table asterisk_cdr alter column uniqueid set (n_distinct = -0.5);
-- Rows only ever arrive: let statistics and visibility follow by count, not by a fifth of a table that has millions.
alter table asterisk_cdr set (
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 20000,
    autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 50000
);
