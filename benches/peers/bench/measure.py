"""One run of one command: how long, how much work, how much memory, at both ends."""

import mmap
import os
import shlex
import signal
import statistics
import subprocess
import tempfile
import time
from dataclasses import asdict, dataclass, field

#: A peer that takes longer than this is run once.
ONCE = 60.0
#: A peer that takes longer than this is given up.
LIMIT = 600.0
#: How much memory is made ready before each run, in bytes.
READY = 4 << 30


class Failed(Exception):
    """A command that did not do what it was asked for."""


@dataclass
class Cost:
    """What a run cost: seconds, MiB at the process that had most, bytes on the line."""

    wall: float = 0.0
    cpu: float = 0.0
    memory: float = 0.0
    far_cpu: float = 0.0
    far_memory: float = 0.0
    sent: int = 0
    received: int = 0


@dataclass
class Result:
    """All runs of one program at one piece of work."""

    row: str
    peer: str
    runs: list = field(default_factory=list)
    #: Apparent bytes of what it keeps, or of what it added to it.
    store: int | None = None
    #: Bytes of mailvc's own protocol, within the SSH connection.
    protocol: int | None = None
    note: str = ""

    def median(self, name):
        return statistics.median(getattr(run, name) for run in self.runs) if self.runs else None

    def as_json(self):
        names = Cost.__dataclass_fields__
        return {
            "row": self.row,
            "peer": self.peer,
            "median": {name: self.median(name) for name in names} if self.runs else None,
            "store": self.store,
            "protocol": self.protocol,
            "note": self.note,
            "runs": [asdict(run) for run in self.runs],
        }


def let_inodes_cool():
    """Waits until ext4 gives out freed inodes again; until then it looks at each and passes on.

    Without a journal that is a minute, and five more where the block of the inode table is dirty,
    as it is once another of its inodes was made (recently_deleted in fs/ext4/ialloc.c).
    """
    os.sync()
    time.sleep(361)


def make_memory_ready():
    """Takes free memory and lets it go, so that what runs next does not wait for the host.

    A virtual machine that hands its free pages back to the host (free page reporting) gets each of
    them anew when it is touched, which costs several times what the touching does. That falls on
    whoever comes first, mostly as time in write(2), and says nothing about a program.
    """
    with open("/proc/meminfo") as lines:
        free = next(int(line.split()[1]) for line in lines if line.startswith("MemFree:")) << 10
    # Never so much that the page cache would have to make room.
    size = min(READY, free - (1 << 30)) & -mmap.PAGESIZE
    if size <= 0:
        return
    with mmap.mmap(-1, size) as memory:
        memory.madvise(mmap.MADV_NOHUGEPAGE)
        for offset in range(0, size, mmap.PAGESIZE):
            memory[offset] = 1


def text_of(command):
    return command if isinstance(command, str) else shlex.join(map(str, command))


def run(command, env, line=None, codes=(0,)):
    """Runs a command (a list, or a line for sh) and says what it cost; `codes` are its good ends.

    What other runs left to be written is written first, and memory is made ready, so that nobody
    pays for it. With a `line`, the run lasts until the far end has ended too.
    """
    argv = ["sh", "-c", command] if isinstance(command, str) else [str(word) for word in command]
    os.sync()
    make_memory_ready()
    if line:
        line.begin()
    with tempfile.TemporaryFile() as said, tempfile.NamedTemporaryFile("r") as peak:
        # A child's peak starts with that of the process it was forked from, and Python's is large.
        timed = ["/usr/bin/time", "-q", "-f", "%M", "-o", peak.name, *argv]
        start = time.perf_counter()
        child = subprocess.Popen(
            timed,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
        usage, code = _wait(child, start)
        cost = Cost(cpu=usage.ru_utime + usage.ru_stime)
        if line:
            line.end(cost)
        cost.wall = time.perf_counter() - start
        if code not in codes:
            said.seek(0)
            tail = said.read()[-2000:].decode(errors="replace")
            raise Failed(f"{text_of(command)[:300]}: exit {code}\n{tail}")
        cost.memory = int(peak.read().split()[-1]) / 1024
    return cost


def _wait(child, start):
    """Its usage and exit code; ends it, and what it started, at the limit."""

    def stop(_signal, _frame):
        os.killpg(child.pid, signal.SIGTERM)

    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, LIMIT)
    try:
        _, status, usage = os.wait4(child.pid, 0)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if time.perf_counter() - start >= LIMIT:
        raise Failed("over ten minutes: given up")
    return usage, child.returncode


def quiet(command, env, codes=(0,)):
    """Runs a command that is not measured, and returns what it said."""
    shell = isinstance(command, str)
    argv = command if shell else [str(word) for word in command]
    done = subprocess.run(
        argv, shell=shell, env=env, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    if done.returncode not in codes:
        tail = (done.stdout + done.stderr)[-2000:].decode(errors="replace")
        raise Failed(f"{text_of(command)[:300]}: exit {done.returncode}\n{tail}")
    return done.stdout.decode(errors="replace")


def repeat(result, times, once, before=None, after=None):
    """Runs `once` so many times; `before` and `after` prepare and check each run, unmeasured.

    What takes over a minute is run once.
    """
    for _ in range(times):
        if before:
            before()
        result.runs.append(once())
        if after:
            after()
        if result.runs[-1].wall > ONCE:
            break
    return result
