-- When pbx-calls import last ran on each node, beside pbx-stitch and pbx-archive: pbx-check reports a tool that cron does not start
-- any more.
alter table nodes add column if not exists last_import timestamptz;
