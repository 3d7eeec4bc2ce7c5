-- pbx-migrate: no-transaction
-- The archived objects without an owner, by time: CDR rows that arrive later, after an outage, may name one. Each run of
-- pbx-archive looks only at the recent ones. Built concurrently, since a run may be storing facts.
create index concurrently if not exists recordings_without_owner on recordings (archived_at, shelf, name)
    where linkedid is null;
