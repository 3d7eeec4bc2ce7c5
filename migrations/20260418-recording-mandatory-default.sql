-- Recording is the rule: whatever is not switched off by an explicit false is recorded.
--
-- Every organization that exists is switched on, since its false was only the old default. Of its rows, those on which
-- nobody had decided are switched on; those that hold false stay off, the tenant's own choice.
do $migration$
begin
    -- After this migration a false in an organization is a choice, which running the file again must not undo: the
    -- column's default tells which side of the change this database is on.
    if exists (
        select from pg_attrdef d
        join pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum
        where a.attrelid = 'organizations'::regclass and a.attname = 'settings'
            and pg_get_expr(d.adbin, d.adrelid) like '%"recording_enabled": true%'
    ) then
        return;
    end if;
    update organizations
        set settings = case when jsonb_typeof(settings) = 'object' then settings else '{}' end
            || '{"recording_enabled": true}';
end
$migration$;

alter table organizations alter column settings set default '{"recording_enabled": true}';

alter table users alter column recording_enabled set default true;
alter table outbound_routes alter column recording_enabled set default true;
alter table queues alter column recording_enabled set default true;
alter table did_numbers alter column recording_enabled set default true;

update users set recording_enabled = true where recording_enabled is null;
update outbound_routes set recording_enabled = true where recording_enabled is null;
update queues set recording_enabled = true where recording_enabled is null;
update did_numbers set recording_enabled = true where recording_enabled is null;
