-- Few rows share a recordingfile, see 20250901-cdr-linkedid: without this PostgreSQL may guess hundreds, and read the whole
-- table instead of the index.
alter table asterisk_cdr alter column recordingfile set (n_distinct = -0.3);
