-- What a call answered when it was asked for consent to its recording: announced, granted, declined, no-answer or external.
-- Asterisk's dialplan writes it on the rows of the call. Null, as where nobody is asked.
alter table asterisk_cdr add column if not exists recording_consent text;
