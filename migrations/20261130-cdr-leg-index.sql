-- pbx-migrate: no-transaction
-- A row names a leg by its file name or by a path in the spool; the leg is the same. pbx-stitch, pbx-recording-fetch and the audit
-- look for all rows that name a leg in any of these spellings. The index on recordingfile itself stays, for tools of older versions
-- on other nodes and for operators. Built concurrently, since Asterisk writes the table all the time.
create index concurrently if not exists asterisk_cdr_leg on asterisk_cdr (substring(recordingfile from '[^/]*$'), accountcode);
