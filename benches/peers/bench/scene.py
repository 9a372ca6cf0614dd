"""Scratch space, two homes, the mail, and people who work with it."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from .line import HOST, Line
from .measure import let_inodes_cool, quiet

DAY = {"new": 100, "flags": 100, "moves": 20, "deletions": 10}
#: The folder that has most of the mail.
BIG = ".Archive"
#: What was put aside is removed when less than so many bytes are free.
ROOM = 12 << 30
MESSAGE_ID = re.compile(rb"^message-id:\s*(\S+)", re.IGNORECASE | re.MULTILINE)


class Scene:
    """Where a comparison takes place. Everything in it is gone when it is closed."""

    def __init__(self, args):
        self.args = args
        self.mean = args.mean or (6_000 if args.messages > 100_000 else 20_000)
        self.dir = Path(tempfile.mkdtemp(prefix="mailvc-peers-"))
        self.days = 0
        self.cleared = 0
        try:
            self._furnish()
        except BaseException:
            self.close()
            raise

    def _furnish(self):
        for name in ["near", "far", "bin", "work"]:
            (self.dir / name).mkdir()
        (self.dir / "bin/mailvc").symlink_to(Path(self.args.mailvc).resolve())
        self.line = Line(self.dir / "line", self.environment("far"))
        self.near = self.environment("near") | {"MAILVC_SSH_CONFIG": str(self.line.config)}
        self.ssh = f"ssh -F {self.line.config}"
        quiet(f"{self.ssh} {HOST} true", self.near)
        self.mail = self.dir / "mail"
        self.written = json.loads(
            self.generate("write", self.mail, messages=self.args.messages)
        )

    def environment(self, machine):
        home = self.dir / machine
        return {
            "HOME": str(home),
            "PATH": f"{self.dir}/bin:{os.environ['PATH']}:/usr/sbin:/sbin",
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
            "USER": os.environ.get("USER", "bench"),
            "XDG_DATA_HOME": f"{home}/data",
            "MAILVC_CONFIG": f"{home}/config.toml",
        }

    def close(self):
        if line := getattr(self, "line", None):
            line.close()
        if not self.args.keep:
            subprocess.run(["rm", "-rf", self.dir], check=False)

    def generate(self, verb, maildir, **options):
        options |= {"mean": self.mean, "seed": self.args.seed}
        words = [str(word) for name, value in options.items() for word in (f"--{name}", value)]
        return quiet([self.args.mail, verb, maildir, *words], os.environ)

    def work(self, maildir, **amounts):
        """One more day's work; no two days are the same.

        Some programs tell times apart by whole seconds, and would be caught out by work in the
        second of their last look.
        """
        self.days += 1
        time.sleep(1.1)
        self.generate("work", maildir, day=self.days, **(amounts or DAY))
        time.sleep(1.1)

    def copy(self, name):
        """A copy of the mail to work with, its own for each program."""
        target = self.dir / "work" / name
        self.copy_to(target)
        return target

    def copy_to(self, target):
        self.clear(target)
        quiet(["cp", "-a", self.mail, target], os.environ)

    def clear(self, *paths):
        """Nothing is there any more.

        It is put aside and removed when room is needed: to make files is slow on ext4 for a while
        after as many were removed, and the next run would pay for it.
        """
        aside = self.dir / "aside"
        for path in filter(os.path.lexists, paths):
            self.cleared += 1
            aside.mkdir(exist_ok=True)
            path.rename(aside / str(self.cleared))
        if aside.exists() and shutil.disk_usage(self.dir).free < ROOM:
            quiet(["rm", "-rf", aside], os.environ)
            let_inodes_cool()


def size_of(*paths):
    """Apparent bytes of all files below."""
    total = 0
    for path in map(Path, paths):
        if path.is_file():
            total += path.lstat().st_size
        for root, _, files in os.walk(path):
            total += sum(os.lstat(os.path.join(root, name)).st_size for name in files)
    return total


def warm(root):
    """Reads everything once, so that all find it in the page cache."""
    quiet(f"find {root} -type f -print0 | xargs -0 cat > /dev/null", os.environ)


def directories_of(root):
    """All directories of messages of a Maildir in either layout, each with its files' names."""
    for directory, _, files in os.walk(root):
        if os.path.basename(directory) in ("cur", "new"):
            yield Path(directory), files


#: How much of two Maildirs can be compared: all; what IMAP says, for programs that write messages
#: anew, with the Message-ID instead of the content and no difference between `new` and `cur`;
#: or, for one that keeps flags elsewhere, messages and their folders.
EXACT, IMAP, PLACES = "exact", "imap", "places"


def summary(root, level=EXACT):
    """The messages of a Maildir as far as they are compared, each with its number."""
    found = Counter()
    for directory, files in directories_of(root):
        folder = str(directory.parent.relative_to(root)).strip("./").replace("/", ".")
        folder = "" if folder == "INBOX" else folder
        for name in files:
            _, _, letters = name.rpartition(":2,")
            flags = "".join(sorted(set(letters) & set("DFRST"))) if ":2," in name else ""
            with open(f"{directory}/{name}", "rb", buffering=0) as file:
                if level == EXACT:
                    digest = hashlib.sha256(file.readall()).digest()
                    key = (folder, flags, directory.name, digest)
                else:
                    named = MESSAGE_ID.search(file.read(16_384))
                    key = (folder, flags if level == IMAP else "", named and named[1])
            found[key] += 1
    return found


def assert_equal(a, b, level=EXACT):
    """Two Maildirs hold the same messages."""
    with ProcessPoolExecutor(2) as pool:
        one, two = pool.map(summary, (a, b), (level, level))
    if one != two:
        only = [list((one - two).items())[:3], list((two - one).items())[:3]]
        raise AssertionError(f"{a} ({one.total()}) and {b} ({two.total()}) differ: {only}")
