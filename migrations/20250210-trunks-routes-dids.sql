-- How calls come in and go out.
create table sip_trunks (
    id uuid primary key default gen_random_uuid(),
    org_id uuid not null references organizations,
    name text not null,
    host text not null,
    port integer not null default 5060 check (port between 1 and 65535),
    transport text not null default 'udp',
    trunk_type text not null default 'peer',
    username text,
    password text,
    asterisk_peer_name text,
    status text not null default 'active',
    unique (org_id, name)
);

create table outbound_routes (
    id uuid primary key default gen_random_uuid(),
    org_id uuid not null references organizations,
    trunk_id uuid references sip_trunks on delete set null,
    name text not null,
    dial_pattern text not null default '_X.',
    strip_digits integer not null default 0 check (strip_digits >= 0),
    prepend_digits text not null default '',
    caller_id_override text,
    priority integer not null default 100,
    status text not null default 'active',
    unique (org_id, name)
);
create index outbound_routes_trunk_id on outbound_routes (trunk_id);

create table did_numbers (
    id uuid primary key default gen_random_uuid(),
    org_id uuid not null references organizations,
    trunk_id uuid references sip_trunks on delete set null,
    number text not null unique,
    routing_type text not null default 'extension' check (routing_type in ('extension', 'queue', 'external')),
    routing_destination text,
    status text not null default 'active'
);
create index did_numbers_org_id on did_numbers (org_id);
create index did_numbers_trunk_id on did_numbers (trunk_id);
