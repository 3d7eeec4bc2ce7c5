-- The machines that share this database and its archive. A machine is known by its host name and its spool, and has a
-- name of its own where there are several: a run of pbx-stitch or pbx-archive without one is refused where another node
-- is known, since the file names of two nodes without names may be equal.
create table if not exists nodes (
    id bigint generated always as identity primary key,
    name text unique check (name ~ '^[a-z0-9]{1,16}$'),
    host text not null,
    spool text not null,
    last_stitch timestamptz,
    last_archive timestamptz,
    unique (host, spool)
);
