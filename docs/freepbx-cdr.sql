-- Prints the calls of FreePBX (asteriskcdrdb.cdr) in the form that "pbx-calls import -" reads. See docs/adopting.md in the source:
--
--   mysql --init-command="SET @account = 'ACCOUNTCODE'" --default-character-set=binary --batch --raw --quick \
--         --skip-column-names asteriskcdrdb <freepbx-cdr.sql | pbx-calls import -
--
-- @account   the accountcode for all rows; without it, each row keeps its own
-- @numbers   DIDs and extensions, with commas between them: only calls in which one takes part; without it, all calls

SELECT CONCAT_WS(',',
    IFNULL(FLOOR(UNIX_TIMESTAMP(calldate)), 0), IFNULL(FLOOR(UNIX_TIMESTAMP(calldate)), 0),
    IFNULL(duration, 0), IFNULL(billsec, 0), IFNULL(sequence, 0),
    CONCAT('"', REPLACE(REPLACE(IFNULL(clid, ''), CHAR(0), ''), '"', '""'), '"'),
    CONCAT('"', REPLACE(REPLACE(IFNULL(src, ''), CHAR(0), ''), '"', '""'), '"'),
    CONCAT('"', REPLACE(REPLACE(IFNULL(dst, ''), CHAR(0), ''), '"', '""'), '"'),
    CONCAT('"', REPLACE(REPLACE(IFNULL(dcontext, ''), CHAR(0), ''), '"', '""'), '"'),
    CONCAT('"', REPLACE(REPLACE(IFNULL(channel, ''), CHAR(0), ''), '"', '""'), '"'),
    CONCAT('"', REPLACE(REPLACE(IFNULL(dstchannel, ''), CHAR(0), ''), '"', '""'), '"'),
    CONCAT('"', REPLACE(REPLACE(IFNULL(lastapp, ''), CHAR(0), ''), '"', '""'), '"'),
    CONCAT('"', REPLACE(REPLACE(IFNULL(lastdata, ''), CHAR(0), ''), '"', '""'), '"'),
    CONCAT('"', REPLACE(REPLACE(IFNULL(disposition, ''), CHAR(0), ''), '"', '""'), '"'),
    CONCAT('"', REPLACE(REPLACE(IFNULL(IFNULL(ELT(amaflags, 'OMIT', 'BILLING', 'DOCUMENTATION'), amaflags), ''), CHAR(0), ''), '"', '""'), '"'),
    CONCAT('"', REPLACE(REPLACE(IFNULL(IFNULL(@account, accountcode), ''), CHAR(0), ''), '"', '""'), '"'),
    CONCAT('"', REPLACE(REPLACE(IFNULL(uniqueid, ''), CHAR(0), ''), '"', '""'), '"'),
    CONCAT('"', REPLACE(REPLACE(IFNULL(userfield, ''), CHAR(0), ''), '"', '""'), '"'),
    CONCAT('"', REPLACE(REPLACE(IFNULL(peeraccount, ''), CHAR(0), ''), '"', '""'), '"'),
    CONCAT('"', REPLACE(REPLACE(IFNULL(IFNULL(NULLIF(linkedid, ''), uniqueid), ''), CHAR(0), ''), '"', '""'), '"'),
    CONCAT('"', REPLACE(REPLACE(IFNULL(recordingfile, ''), CHAR(0), ''), '"', '""'), '"'))
FROM cdr
WHERE @numbers IS NULL OR IFNULL(NULLIF(linkedid, ''), uniqueid) IN (
    SELECT IFNULL(NULLIF(linkedid, ''), uniqueid) FROM cdr
    WHERE FIND_IN_SET(did, @numbers) OR FIND_IN_SET(src, @numbers) OR FIND_IN_SET(dst, @numbers) OR FIND_IN_SET(cnum, @numbers))
ORDER BY calldate, uniqueid, sequence;
