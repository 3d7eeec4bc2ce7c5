-- The facts of each archived object, as pbx-archive took them while it read the file: whatever comes back from the remote is
-- compared with them. They reach this table through a journal in the spool, since archiving needs no database.
create table if not exists recordings (
    shelf text not null check (shelf in ('legs', 'stitched')),
    name text not null,
    accountcode text, -- this and linkedid: null where no CDR row, or rows of several accounts, name the object
    linkedid text,
    node text, -- the machine that archived it, where it has a name
    size bigint not null check (size >= 0), -- bytes
    md5 text not null check (md5 ~ '^[0-9a-f]{32}$'),
    sha256 text check (sha256 ~ '^[0-9a-f]{64}$'), -- null, like all that follows, until the object's bytes were read
    frames bigint check (frames >= 0),
    rate integer, -- frames per second
    channels integer,
    codec text, -- pcm16, mulaw, alaw, gsm; also pcm8, pcm24, pcm32
    -- One object per channel: {"peak": -3.1, "rms": -21.4, "silence": 0.52}. peak and rms in dB of full scale, null where
    -- every sample is zero; silence in seconds of digital silence.
    levels jsonb,
    unfinished boolean, -- its header was never finished: Asterisk died while it recorded
    archived_at timestamptz not null,
    verified_at timestamptz, -- when its bytes in the remote were last compared with these facts
    primary key (shelf, name)
);
