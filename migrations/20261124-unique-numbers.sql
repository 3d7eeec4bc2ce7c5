-- A telephone number is its digits: +4930111, 4930111 and "+49 30 111" are one, and one row has it. A row that is not
-- active has its number all the same; a text with anything else in it is no number.
--
-- Which of two rows a number belongs to is not for a migration to decide: it lists them, and changes nothing.
do $migration$
declare
    lines text;
    rows integer;
begin
    select string_agg(format('did %s of %s has the digits of did %s of %s, which comes first: delete from did_numbers where id = ''%s''',
            d.number, o.name, f.number, fo.name, d.id), e'\n' order by f.held_since, f.id, d.held_since, d.id), count(*)
        into lines, rows
        from did_numbers d
        join organizations o on o.id = d.org_id
        cross join lateral (
            select * from did_numbers each
            where regexp_replace(each.number, '[^0-9]', '', 'g') = regexp_replace(d.number, '[^0-9]', '', 'g')
                and each.number ~ '^[-+()./ ]*[0-9][-+()./ 0-9]*$'
            order by each.held_since, each.id limit 1
        ) f
        join organizations fo on fo.id = f.org_id
        where f.id <> d.id and d.number ~ '^[-+()./ ]*[0-9][-+()./ 0-9]*$';
    if rows > 0 then
        raise exception using
            message = format('%s of the numbers in did_numbers belong to another row already', rows),
            detail = lines || e'\nnothing was changed',
            hint = 'find out whose each number is, delete the other row as shown or give it another number, and run pbx-migrate up again';
    end if;
end
$migration$;

create unique index if not exists did_numbers_digits on did_numbers ((regexp_replace(number, '[^0-9]', '', 'g')))
    where number ~ '^[-+()./ ]*[0-9][-+()./ 0-9]*$';
