-- Tenants and their users.
--
-- context_prefix begins the name of everything that Asterisk knows of an organization, and its id, as text, is the
-- accountcode that marks its CDR rows.
create table organizations (
    id uuid primary key default gen_random_uuid(),
    name text not null unique,
    context_prefix text not null unique check (context_prefix ~ '^[a-z0-9_]+$'),
    status text not null default 'active' check (status in ('active', 'suspended', 'deleted')),
    settings jsonb default '{}' check (jsonb_typeof(settings) = 'object'),
    limits jsonb default '{}'
);

create table users (
    id uuid primary key default gen_random_uuid(),
    org_id uuid not null references organizations,
    username text not null default '',
    extension text not null,
    full_name text not null default '',
    status text not null default 'active',
    sip_password text,
    asterisk_endpoint text, -- without one: <prefix>_<extension>
    ring_target text not null default 'ext' check (ring_target in ('ext', 'phone')),
    phone_number text,
    unique (org_id, extension)
);
