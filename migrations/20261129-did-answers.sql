-- Whether a number answers at once. By default it rings its destination first, so that no caller pays for the ringing. A
-- number that leads to a queue answers in any case.
alter table did_numbers add column if not exists answers boolean not null default false;
