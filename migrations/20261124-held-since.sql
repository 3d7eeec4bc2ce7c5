-- Since when each row has had its name, its number or its host. Of two rows that want the same, the older one keeps it,
-- whatever its organization's place in the alphabet.
--
-- Rows that are there now get moments of one day long past, in the order in which they lie in their tables, the
-- organizations a day before all others. A row that is inserted, or that takes another name, number or host, begins with
-- the moment of that statement. Who sets held_since in a statement of his own decides it.
do $migration$
declare
    each text;
    moment timestamptz;
begin
    foreach each in array array['organizations', 'users', 'sip_trunks', 'queues', 'did_numbers'] loop
        continue when exists (
            select from pg_attribute
            where attrelid = each::regclass and attname = 'held_since' and not attisdropped
        );
        moment := case each when 'organizations' then '2000-01-01 00:00:00+00' else '2000-01-02 00:00:00+00' end;
        execute format('alter table %I add column held_since timestamptz not null default %L '
            'constraint %I check (isfinite(held_since))', each, moment, each || '_held_since_check');
        execute format('update %1$I t set held_since = held_since + n * interval ''1 microsecond'' '
            'from (select id, row_number() over (order by ctid) n from %1$I) o where o.id = t.id', each);
        execute format('alter table %I alter column held_since set default clock_timestamp()', each);
    end loop;
end
$migration$;

create or replace function hold_from_now() returns trigger language plpgsql as $$
begin
    new.held_since := clock_timestamp();
    return new;
end
$$;

drop trigger if exists hold_from_now on organizations;
create trigger hold_from_now before update on organizations for each row
    when (old.held_since = new.held_since and old.context_prefix is distinct from new.context_prefix)
    execute function hold_from_now();

drop trigger if exists hold_from_now on users;
create trigger hold_from_now before update on users for each row
    when (old.held_since = new.held_since and (old.org_id, old.extension, lower(coalesce(old.asterisk_endpoint, '')))
        is distinct from (new.org_id, new.extension, lower(coalesce(new.asterisk_endpoint, ''))))
    execute function hold_from_now();

drop trigger if exists hold_from_now on sip_trunks;
create trigger hold_from_now before update on sip_trunks for each row
    when (old.held_since = new.held_since and
        (old.org_id, old.name, lower(rtrim(old.host, '.')), old.trunk_type, lower(coalesce(old.asterisk_peer_name, '')))
        is distinct from
        (new.org_id, new.name, lower(rtrim(new.host, '.')), new.trunk_type, lower(coalesce(new.asterisk_peer_name, ''))))
    execute function hold_from_now();

drop trigger if exists hold_from_now on queues;
create trigger hold_from_now before update on queues for each row
    when (old.held_since = new.held_since and (old.org_id, old.number, lower(coalesce(old.asterisk_queue_name, '')))
        is distinct from (new.org_id, new.number, lower(coalesce(new.asterisk_queue_name, ''))))
    execute function hold_from_now();

drop trigger if exists hold_from_now on did_numbers;
create trigger hold_from_now before update on did_numbers for each row
    when (old.held_since = new.held_since and
        (old.org_id, regexp_replace(old.number, '[^0-9]', '', 'g')) is distinct from
        (new.org_id, regexp_replace(new.number, '[^0-9]', '', 'g')))
    execute function hold_from_now();

-- Names in Asterisk have to begin with the organization's prefix: rows with others are left out of its configuration.
do $migration$
declare
    line text;
begin
    for line in
        select format('%s %s of %s: %s "%s" does not begin with "%s_"; update %s set %s = null where id = ''%s'' names it %s',
            kind, key, o.name, col, held, o.context_prefix, tab, col, r.id, o.context_prefix || standard)
        from (
            select id, org_id, 'user' kind, extension key, 'users' tab, 'asterisk_endpoint' col, asterisk_endpoint held,
                '_' || extension standard from users
            union all
            select id, org_id, 'queue', number, 'queues', 'asterisk_queue_name', asterisk_queue_name, '__' || number
                from queues
            union all
            select id, org_id, 'trunk', name, 'sip_trunks', 'asterisk_peer_name', asterisk_peer_name,
                '__trunk_' || name from sip_trunks
        ) r join organizations o on o.id = r.org_id
        where held <> '' and not starts_with(held, o.context_prefix || '_')
        order by 1
    loop
        raise warning '%', line;
    end loop;
end
$migration$;
