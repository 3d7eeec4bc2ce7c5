"""What the suites of pbx-recording-fetch share: running it, and calls that are stitched or archived."""
from workdir import Case

CALL = '1776500000.1'


class Fetching(Case):
    def fetch(self, work, *arguments, status=0, **how):
        result = self.status(work.run('pbx-recording-fetch', *arguments, **how), status)
        if status:
            self.assertEqual(result.out, b'', f'bytes on stdout although it failed\n{result}')
        return result

    def headers(self, work, *arguments):
        """({header: value}, body) of a fetch with -i."""
        out = self.fetch(work, '-i', *arguments).out
        head, separator, body = out.partition(b'\r\n\r\n')
        if not separator or b'\n\n' in head:
            head, separator, body = out.partition(b'\n\n')
        self.assertTrue(separator, f'no blank line after the headers: {out[:300]!r}')
        return dict(line.split(': ', 1) for line in head.decode().replace('\r', '').split('\n')), body

    def stitched_call(self, **how):
        work = self.workdir(**how)
        legs = work.three_legs(CALL)
        self.status(work.run('pbx-stitch'), 0)
        return work, legs, work.stitched_file(CALL).read_bytes()

    def archived_call(self, **how):
        work, legs, whole = self.stitched_call(**how)
        self.status(work.run('pbx-archive'), 0)
        return work, legs, whole
