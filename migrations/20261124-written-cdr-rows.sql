-- How far "pbx-calls import" has read each file of CDR rows. This stands in the database, and changes in one transaction with
-- the rows, so that a database that was restored from a backup gets the rows again that the backup lacks.
create table if not exists cdr_imports (
    file text primary key, -- SHA-256 of its first line: it keeps this identity when it is renamed or copied
    position bigint not null, -- bytes that were read
    line bigint not null, -- lines that were read
    before text not null, -- SHA-256 of the bytes before that position: whether the file still is what was read
    at timestamptz not null default now()
);
