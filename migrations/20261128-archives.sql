-- The places that were made archives with "pbx-archive init". A remote is known by its rclone path, without the options
-- of a connection string; machines that reach one archive by different paths have a row for each. The id is that of the
-- marker .pbx-archive.json in the remote: where the marker is missing or has another id, the disk is not mounted, the
-- bucket was deleted, or the path is wrong.
create table if not exists archives (
    remote text primary key,
    id text not null check (id ~ '^[0-9a-f]{32}$'),
    made_at timestamptz not null default now()
);
