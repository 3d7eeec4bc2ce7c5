-- When the recording of a call was paused, as seconds into the call: "12-47,80-95", and "80-" when the call ended during a
-- pause. pbx-record writes it on the rows of the channels that the call has at that time. Null, as without a pause.
alter table asterisk_cdr add column if not exists recording_paused text;
