-- Queues and who answers them.
create table queues (
    id uuid primary key default gen_random_uuid(),
    org_id uuid not null references organizations,
    number text not null,
    name text not null default '',
    asterisk_queue_name text, -- without one: <prefix>__<number>
    strategy text not null default 'ringall',
    timeout integer not null default 15 check (timeout >= 0),
    retry integer not null default 5 check (retry >= 0),
    max_wait_time integer not null default 300 check (max_wait_time >= 0),
    music_on_hold text not null default 'default',
    timeout_destination text,
    timeout_destination_type text,
    status text not null default 'active',
    unique (org_id, number)
);

create table queue_members (
    id uuid primary key default gen_random_uuid(),
    queue_id uuid not null references queues on delete cascade,
    user_id uuid not null references users on delete cascade,
    penalty integer not null default 0 check (penalty >= 0),
    paused boolean not null default false,
    unique (queue_id, user_id)
);
create index queue_members_user_id on queue_members (user_id);
