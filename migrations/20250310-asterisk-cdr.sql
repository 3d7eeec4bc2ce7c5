-- Call detail records, which Asterisk's cdr_pgsql writes by column name.
--
-- id has a plain default and is no "generated as identity" column on purpose: cdr_pgsql looks for defaults in pg_attrdef,
-- does not find an identity there, and then sends '' for a column that must not be null, so that every insert fails.
-- Everything else may be null, and texts have no limit of length: a call must never be missing because of its words.
create sequence asterisk_cdr_id_seq as bigint;
create table asterisk_cdr (
    id bigint primary key default nextval('asterisk_cdr_id_seq'),
    calldate timestamptz not null default now(),
    clid text,
    src text,
    dst text,
    dcontext text,
    channel text,
    dstchannel text,
    lastapp text,
    lastdata text,
    duration integer,
    billsec integer,
    disposition text,
    amaflags text,
    accountcode text,
    uniqueid text,
    userfield text
);
alter sequence asterisk_cdr_id_seq owned by asterisk_cdr.id;
create index asterisk_cdr_calldate on asterisk_cdr (calldate);
create index asterisk_cdr_uniqueid on asterisk_cdr (uniqueid);
