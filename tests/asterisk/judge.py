"""Judges of recordings: each second of distinct sound is in them once and in order."""
import asyncio
import cmath
import os
import re
from operator import mul

import tones
from workdir import Case

EDGE = 0.25      # the tolerance for a second that is recorded whole
CUT = 0.5        # and one in which a recording begins or ends, whose time is known only from outside


class Seen:
    """What was done in one call, by the clock of the party that placed it."""

    def __init__(self, organization, source):
        self.organization, self.source = organization, source
        self.streams = {}      # party -> Media
        self.recorded = []     # (from, to): when a recording is due
        self.placed = []       # the Calls that were placed
        self.picked_up = []    # and those that somebody answered
        self.more = {}

    def during(self, begin, end):
        self.recorded.append((begin, end))


class Script:
    """Calls to be placed: a method `call_x` for each test that judges `x`."""

    def __init__(self, pbx):
        self.pbx = pbx
        self.seen = {}  # name -> Seen, or why the call was not placed as planned

    def all(self):
        """name -> coroutine"""
        return {name[5:]: getattr(self, name)() for name in dir(self) if name.startswith('call_')}

    def chosen(self):
        found = self.all()
        wanted = re.compile(os.environ.get('PBX_CALLS', ''))  # to debug a single call
        for name in [name for name in found if not wanted.search(name)]:
            found.pop(name).close()
        return found

    async def place_one(self, name, call):
        try:
            self.seen[name] = await asyncio.wait_for(call, 60)
        except Exception as why:  # pylint: disable=broad-except
            self.seen[name] = why


class Lazily:
    """The text of a failure, computed only when there is one: analysing audio takes time."""

    def __init__(self, words, outcome):
        self.words, self.outcome = words, outcome

    def __str__(self):
        return f'{self.words}\n{self.outcome}'


class Judge(Case):
    """`outcome` has the call's `seen` and its string; joined(outcome) returns the samples of its recording."""

    def joined(self, outcome):
        raise NotImplementedError

    def heard_once(self, outcome, parties='AB'):
        """Every second that a party said while it was to be recorded is in the legs, once, in order; nothing else is."""
        heard = tones.speech(self.joined(outcome))
        for party in tones.BANDS:
            media = outcome.seen.streams.get(party)
            if media and party not in parties:
                continue  # the scenario does not plan what this party says
            said = self.due(media, outcome.seen.recorded) if media else {}
            speech = heard[party]
            with self.subTest(party=party):
                due = ' '.join(f'{second}:{length:.2f}' for second, length in said.items()) or 'nothing'
                words = Lazily(f'{party} is heard {speech}; due was {due}', outcome)
                self.assertEqual(speech.order, sorted(set(speech.order)), words)
                for second in set(said) | set(speech.seconds):
                    length = said.get(second, 0)
                    cut = length < 0.999 and any(said.get(other, 0) > 0 for other in (second - 1, second, second + 1))
                    self.assertAlmostEqual(speech.seconds.get(second, 0), length, delta=CUT if cut else EDGE, msg=words)
        return heard

    @staticmethod
    def due(media, intervals):
        """{second: how much of it fell into the intervals}"""
        result = {}
        merged = []
        for since, until in sorted(intervals):
            if merged and since <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(until, merged[-1][1]))
            else:
                merged.append((since, until))
        for second in range(int(media.seconds) + 1):
            begin, end = media.since + second, media.since + min(second + 1, media.seconds)
            length = sum(max(0, min(end, until) - max(begin, since)) for since, until in merged)
            if length > 0:
                result[second] = length
        return result


# What the caller says for the recording: a tone's frame, or silence. Where a recorder began again, frames may lie anywhere.
SAID = [tones.from_ulaw(tones.frame('A', 50 * second)) for second in range(tones.SECONDS)]
WHOLE = {tuple(frame) for frame in SAID} | {(0,) * tones.FRAME}


def is_said(window, shift):
    """Whether each sample is silence, or of one or two tones, one after the other, whose frames begin at `shift`."""
    rest = [n for n, sample in enumerate(window) if sample]
    for _ in range(2):
        left = [[n for n in rest if window[n] != frame[(n + shift) % tones.FRAME]] for frame in SAID]
        rest = min(left, key=len)
    return not rest


def is_joint(window):
    """Whether two such frames with different shifts meet in the window, as where a stream or a recorder begins."""
    def longest(samples, step):
        return max(next((n for n, sample in enumerate(samples) if sample not in (0, frame[(shift + step * n) % tones.FRAME])),
                        tones.FRAME) for frame in SAID for shift in range(tones.FRAME))
    return longest(window, 1) + longest(window[::-1], -1) >= len(window)


def unknown_windows(samples):
    """Windows of 20 ms that contain something other than what the caller said for the recording."""
    unknown, last = [], 0
    for start in range(0, len(samples), tones.FRAME):
        window = samples[start:start + tones.FRAME]
        if tuple(window) in WHOLE:
            continue
        last = next((shift for shift in (last, *range(tones.FRAME)) if is_said(window, shift)), None)
        if last is None:
            last = 0
            if not is_joint(window):
                unknown.append(start)
    return unknown


def traces_of(party, samples):
    """Windows in which any tone of a party has a twentieth of its amplitude: for a file with music, which the caller hears."""
    waves = [[cmath.exp(-2j * cmath.pi * tones.frequency(party, second) * n / tones.RATE) for n in range(tones.FRAME)]
             for second in range(tones.SECONDS)]
    enough = tones.AMPLITUDE * tones.FRAME / 2 / 20
    return [start for start in range(0, len(samples) - tones.FRAME + 1, tones.FRAME)
            if any(abs(sum(map(mul, samples[start:start + tones.FRAME], wave))) > enough for wave in waves)]
