-- pbx-migrate: no-transaction
-- Whose a leg is: pbx-stitch, pbx-recording-fetch and the audit ask for each leg whether another account's rows name it.
-- With accountcode as the second column that is one look-up in this index alone, however many rows name the leg. Built
-- concurrently, since Asterisk writes the table all the time.
create index concurrently if not exists asterisk_cdr_recordingfile on asterisk_cdr (recordingfile, accountcode);
