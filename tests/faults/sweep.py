"""Faults at every step: strace kills a tool before its Nth system call of a kind, or makes that call fail.

A test describes a world: how it looks before, how the tool is run in it, and what must be true afterwards. This module finds the
steps, which are the calls of the tool that change something. It injects a fault at each step, lets the test judge the world, runs the tool
once more without a fault, and compares the result with that of an undisturbed run.

By default it visits the steps in an order that spreads over all of them until its time is used up; PBX_LONG=1 tries every step
with every fault.
"""
import atexit
import collections
import os
import random
import re
import sys
import time

import sound
import workdir
from workdir import ACCOUNT, LONG, SANITIZED, Case

# Calls that change files, or reach for another process or machine.
CHANGES = ('write', 'writev', 'pwrite64', 'fsync', 'fdatasync', 'syncfs', 'rename', 'renameat', 'renameat2', 'unlink',
           'unlinkat', 'openat', 'mkdir', 'mkdirat', 'rmdir', 'connect', 'copy_file_range', 'sendfile', 'ftruncate',
           'utimensat', 'fchmod', 'fchown', 'fsetxattr', 'linkat', 'memfd_create', 'pipe2', 'clone', 'clone3', 'vfork',
           'fork', 'sendto')
OPEN_TO_WRITE = re.compile(r'O_WRONLY|O_RDWR|O_CREAT|O_TMPFILE')
CONTRACT = {0, 65, 66, 69, 73, 74, 75, 77}

Step = collections.namedtuple('Step', 'call nth line')


class Counts:
    """What was tried and with which result, for the final table."""

    def __init__(self):
        self.rows = collections.OrderedDict()

    def add(self, fault, tried=1, lost=0, repaired=0):
        row = self.rows.setdefault(fault, [0, 0, 0])
        for place, number in enumerate((tried, lost, repaired)):
            row[place] += number

    def show(self, title):
        if not self.rows:
            return
        width = max(len(fault) for fault in self.rows) + 2
        print(f'\n{title}\n{"fault":{width}}{"tried":>7}{"lost":>7}{"repaired by the next run":>27}', file=sys.stderr)
        for fault, (tried, lost, repaired) in self.rows.items():
            print(f'{fault:{width}}{tried:7}{lost:7}{repaired:27}', file=sys.stderr)
        print('', file=sys.stderr, flush=True)


counts = Counts()


def main(title, *tools):
    """Run the script's tests, and print the table of faults at the end."""
    atexit.register(counts.show, title)
    workdir.main(*tools)


def steps(world, calls=CHANGES):
    """Every call of the tool itself that changes something, in an undisturbed run. The calls with which the C library is
    loaded, before the tool begins, do not count."""
    world.prepare()
    log = world.work.path / 'strace.log'
    result = world.run(before=['strace', '-y', '-s', '64', '-o', str(log), '-e', 'trace=' + ','.join(f'?{c}' for c in calls)])
    if result.status != 0:
        raise AssertionError(f'an undisturbed run under strace fails\n{result}')
    seen, found = collections.Counter(), []
    for line in log.read_text(errors='replace').splitlines():
        match = re.match(r'(\w+)\(', line)
        if not match:
            continue
        call = match.group(1)
        seen[call] += 1
        if call == 'openat' and not OPEN_TO_WRITE.search(line):
            continue
        if call == 'openat' and '/dev/null' in line:
            continue
        found.append(Step(call, seen[call], line))
    log.unlink()
    return found


def steps_of_threads(world):
    """The same for a tool with several threads: each call with its number within its own thread, as strace
    counts. Which thread comes first differs between runs."""
    world.prepare()
    log = world.work.path / 'strace.log'
    result = world.run(before=['strace', '-f', '-y', '-s', '64', '-o', str(log), '-e', 'trace=' + ','.join(f'?{c}' for c in CHANGES)])
    if result.status != 0:
        raise AssertionError(f'an undisturbed run under strace fails\n{result}')
    seen, found = collections.Counter(), {}
    for line in log.read_text(errors='replace').splitlines():
        match = re.match(r'(\d+) +(\w+)\(', line)
        if not match:
            continue
        seen[match.groups()] += 1
        if match.group(2) != 'openat' or (OPEN_TO_WRITE.search(line) and '/dev/null' not in line):
            found.setdefault((match.group(2), seen[match.groups()]), Step(match.group(2), seen[match.groups()], line))
    log.unlink()
    if len({thread for thread, _ in seen}) < 2:
        raise AssertionError('only one thread works')
    return list(found.values())


def spread(points, seconds, at_least=10, seed=7):
    """The points in an order that reaches all regions early, until the time is used up."""
    if LONG:
        yield from points
        return
    mixed = list(points)
    random.Random(seed).shuffle(mixed)
    # Every kind of call has its turn before any has a second one.
    turn = collections.Counter()
    order = []
    for place, point in enumerate(mixed):
        step = point[0] if isinstance(point[0], Step) else point
        turn[step[0]] += 1
        order.append((turn[step[0]], place))
    mixed = [mixed[place] for _, place in sorted(order)]
    if SANITIZED:  # the same code once more, several times slower
        seconds /= 4
    until = time.monotonic() + seconds
    for number, point in enumerate(mixed):
        if number >= at_least and time.monotonic() > until:
            return
        yield point


def kill_sweep(case, world, seconds, threads=False):
    """SIGKILL before every step."""
    found = steps_of_threads(world) if threads else steps(world)
    case.assertGreater(len(found), 5, 'strace shows the steps')
    done = struck = 0
    for step in spread(found, seconds):
        world.prepare()
        result = world.run(before=inject(step, 'signal=KILL', threads=threads))
        killed = result.status in (-9, 137)
        struck += killed
        done += 1
        with case.subTest(killed_before=f'{step.call} {step.nth}', line=step.line[:160]):
            strike(case, world, result, f'{world.tool} killed before {step.call}', complete=not killed)
    print(f'{world.tool}: {len(found)} steps, {done} tried, {struck} killed', file=sys.stderr, flush=True)
    # A thread that does less than in the first run does not reach its later steps.
    case.assertGreater(struck, done * (0.3 if threads else 0.7), 'most runs are really killed')


# Errors that a call can meet. A failed send on a connection that stays open is not one of them: libpq then waits for the server's
# last messages (test_database.py cuts connections at the server).
ERRORS = {'sendto': (), 'connect': ('ECONNREFUSED', 'EACCES', 'ETIMEDOUT'),
          'clone': ('EAGAIN', 'ENOMEM'), 'clone3': ('EAGAIN', 'ENOMEM'), 'vfork': ('EAGAIN',), 'fork': ('EAGAIN',),
          'pipe2': ('EMFILE', 'ENFILE'), 'memfd_create': ('EMFILE', 'ENOMEM'),
          'fchmod': ('EPERM', 'EIO'), 'fchown': ('EPERM', 'EIO'), 'fsetxattr': ('ENOSPC', 'EOPNOTSUPP'),
          'fsync': ('EIO', 'ENOSPC', 'EDQUOT'), 'syncfs': ('EIO', 'ENOSPC'), 'fdatasync': ('EIO', 'ENOSPC')}
FILE_ERRORS = ('ENOSPC', 'EIO', 'EACCES', 'EINTR')


def error_sweep(case, world, seconds, threads=False):
    """An error from every step."""
    points = [(step, error) for step in (steps_of_threads(world) if threads else steps(world))
              for error in ERRORS.get(step.call, FILE_ERRORS)]
    done = 0
    for step, error in spread(points, seconds):
        world.prepare()
        log = world.work.path / 'strace.log'
        result = world.run(before=inject(step, f'error={error}', log, threads))
        struck = '(INJECTED)' in log.read_text(errors='replace')
        log.unlink()
        done += struck
        with case.subTest(error=f'{step.call} {step.nth} {error}', line=step.line[:160]):
            case.assertIn(result.status, CONTRACT, f'\n{result}')
            if result.status != 0:
                case.assertRegex(result.err, rf'(?m)^{world.tool}: ', f'no word of it\n{result}')
            if not step.call.startswith('unlink'):
                left = world.temporary_files()
                case.assertEqual(left, [], f'temporary files stay\n{result}')
            strike(case, world, result, f'{world.tool}: {error} from {step.call}', complete=result.status == 0)
    print(f'{world.tool}: {len(points)} errors, {done} struck', file=sys.stderr, flush=True)
    case.assertGreater(done, 2 if threads else 5, 'errors are injected')


def inject(step, what, log='/dev/null', threads=False):
    return ['strace', *(['-f'] if threads else []), '-o', str(log), '-e', f'trace={step.call}',
            '-e', f'inject={step.call}:{what}:when={step.nth}']


def strike(case, world, result, fault, complete):
    """Judge after the fault, run without one, and judge the end."""
    try:
        world.judge(case, result)
        if complete:
            world.judge_end(case, result)
    except AssertionError as broken:
        counts.add(fault, lost=1)
        raise AssertionError(f'{broken}\nafter the fault: {result}') from None
    world.settle()
    again = world.run()
    try:
        case.assertEqual(again.status, 0, f'the next run repairs it\nafter the fault: {result}\nthe next run: {again}')
        world.judge(case, again)
        world.judge_end(case, again)
    except AssertionError as broken:
        counts.add(fault)
        raise AssertionError(f'{broken}\nafter the fault: {result}\nthe next run: {again}') from None
    counts.add(fault, repaired=1)


class SweepCase(Case):
    """A tool is killed before each of its steps, and each of its steps fails. A subclass makes the world."""
    seconds = 15     # seconds for each of the two, in the default form
    threads = False  # whether the tool works in several threads

    def world(self):
        raise NotImplementedError

    def test_killed_before_any_step_it_loses_nothing_and_the_next_run_finishes(self):
        kill_sweep(self, self.world(), self.seconds, self.threads)

    def test_any_step_that_fails_is_reported_and_repaired_by_the_next_run(self):
        error_sweep(self, self.world(), self.seconds, self.threads)


def many_calls(work, numbers, ago=1800, age=600):
    """Calls of three short legs, in one statement: {linkedid: [(name, bytes)]}."""
    calls, rows = {}, []
    for number in numbers:
        linkedid = f'1776500000.{number}'
        calls[linkedid] = []
        for leg in range(3):
            name = f'20260418-15{number:04}-070{number:04}-{leg}.wav'
            data = sound.pcm(sound.ramp(0.05 + leg / 40, number * 3 + leg))
            work.leg(name, data, age)
            calls[linkedid].append((name, data))
            rows.append((time.strftime('%Y-%m-%d %H:%M:%S+00', time.gmtime(time.time() - ago + 10 * leg)), ACCOUNT, linkedid,
                         f'{linkedid}{leg or ""}', leg + 1, name, 9, 9))
    work.db.copy('asterisk_cdr', ('calldate', 'accountcode', 'linkedid', 'uniqueid', 'sequence', 'recordingfile', 'duration',
                                  'billsec'), rows)
    return calls


def temporary_files(*folders):
    """Files that only exist while a tool works: .NAME.writing, .NAME.RANDOM.tmp, and downloads in .incoming."""
    found = []
    for folder in folders:
        for where, _, files in os.walk(folder):
            found += [os.path.join(where, name) for name in files
                      if '/.incoming' in where or name.startswith('.') and name.endswith(('.tmp', '.writing'))]
    return sorted(set(found))


class RecordingWorld:
    """Spool, stitched recordings, fetched legs and bucket: put back as they were before each fault."""
    tool = None

    def __init__(self, work):
        self.work = work
        self.files = {}     # path relative to the workdir -> (bytes, age)
        self.remote = {}    # name in the bucket -> bytes
        self.legs = {}      # every leg that exists -> its bytes
        self.allowed = {}   # name of a stitched recording -> the contents that it may ever show
        self.end = None

    def prepare(self):
        for folder in (self.work.stitched, self.work.stitch_src, self.work.spool):
            _empty(folder)
        self.work.spool.mkdir(exist_ok=True)
        now = time.time()
        for path, (data, age) in self.files.items():
            file = self.work.path / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
            os.utime(file, (now - age,) * 2)
        for name in list(self.work.remote.files()):
            self.work.remote.remove(name)
        for name, data in self.remote.items():
            self.work.remote.put(name, data)
        self.work.cloud.clear()

    def settle(self):
        pass

    def place_of(self, leg):
        """Where the leg lies before it is archived, relative to the workdir."""
        return f'monitor/{leg}'

    def temporary_files(self):
        return temporary_files(self.work.spool, self.work.stitched, self.work.stitch_src)

    def state(self):
        """What an operator sees: names and bytes, here and in the bucket."""
        here = {}
        for folder in (self.work.spool, self.work.stitch_src):
            for where, _, files in os.walk(folder):
                for name in files:
                    if not name.startswith('.'):
                        path = os.path.join(where, name)
                        with open(path, 'rb') as file:
                            here[os.path.relpath(path, self.work.path)] = file.read()
        return here, self.work.remote.files()

    def undisturbed(self, case):
        """Run once without a fault; after every fault, the end must be the same as here."""
        self.prepare()
        result = self.run()
        case.assertEqual(result.status, 0, f'an undisturbed run\n{result}')
        self.end = self.state()
        for path, data in self.end[0].items():
            if path.startswith('monitor/stitched/'):
                self.allowed.setdefault(os.path.basename(path), []).append(data)
        for name, data in self.end[1].items():
            if name.startswith('stitched/'):
                self.allowed.setdefault(name[len('stitched/'):], []).append(data)
        self.judge(case, result)

    def judge(self, case, result):
        here, there = self.state()
        for name, data in self.legs.items():
            case.assertTrue(here.get(self.place_of(name)) == data or there.get(name) == data, f'LOST: leg {name}')
        for path, data in here.items():
            name = os.path.basename(path)
            if path.startswith('monitor/stitched/'):
                case.assertIn(data, self.allowed.get(name, []), f'{path} is not whole: {len(data)} bytes')
            else:
                case.assertEqual(data, self.legs.get(name), f'{path} is not whole: {len(data)} bytes')
        for name, data in there.items():
            if name.startswith('stitched/'):
                case.assertIn(data, self.allowed.get(name[9:], []), f'{name} in the bucket is not whole')
        if result.status == 0:
            case.assertEqual(self.temporary_files(), [])

    def judge_end(self, case, _result):
        here, there = self.state()
        case.assertEqual((sorted(here), sorted(there)), (sorted(self.end[0]), sorted(self.end[1])))
        case.assertTrue((here, there) == self.end, 'the same bytes as after an undisturbed run')


def _empty(folder):
    for where, folders, files in os.walk(folder, topdown=False):
        for name in files:
            os.unlink(os.path.join(where, name))
        for name in folders:
            os.rmdir(os.path.join(where, name))
