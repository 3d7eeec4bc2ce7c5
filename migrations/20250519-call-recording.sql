-- Recording on request: the organization's master switch, off unless asked for; the rows' own switches, where null means
-- that nobody has decided; and the file that holds a row's recording.
alter table asterisk_cdr add column recordingfile text;

alter table organizations alter column settings set default '{"recording_enabled": false}';
update organizations
    set settings = coalesce(settings, '{}') || '{"recording_enabled": false}'
    where settings is null or not settings ? 'recording_enabled';

alter table users add column recording_enabled boolean;
alter table outbound_routes add column recording_enabled boolean;
alter table queues add column recording_enabled boolean;
alter table did_numbers add column recording_enabled boolean;
