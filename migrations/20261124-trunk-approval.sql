-- A trunk of type peer gets every call that comes from its host's address, whoever's that is. So it is an operator who
-- decides which host a tenant may have: only a trunk with approved_at becomes part of Asterisk's configuration.
do $migration$
begin
    -- What worked before this migration goes on; running the file again approves nothing.
    if not exists (
        select from pg_attribute
        where attrelid = 'sip_trunks'::regclass and attname = 'approved_at' and not attisdropped
    ) then
        alter table sip_trunks add column approved_at timestamptz;
        update sip_trunks set approved_at = now();
    end if;
end
$migration$;

-- An approval is for one host: another one needs another.
create or replace function withdraw_trunk_approval() returns trigger language plpgsql as $function$
begin
    if (new.org_id, new.host, new.port, new.trunk_type) is distinct from (old.org_id, old.host, old.port, old.trunk_type)
        and new.approved_at is not distinct from old.approved_at
    then
        new.approved_at := null;
    end if;
    return new;
end
$function$;

drop trigger if exists withdraw_trunk_approval on sip_trunks;
create trigger withdraw_trunk_approval before update on sip_trunks
    for each row execute function withdraw_trunk_approval();
