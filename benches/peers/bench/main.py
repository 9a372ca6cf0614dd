"""The command line: which rows, which peers, how much mail."""

import argparse
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from . import backups, bare, history, imap, report, snapshots, syncers, syncs, targets
from .measure import Failed, Result
from .scene import Scene

ROOT = Path(__file__).resolve().parents[3]

BACKUPS = backups.ALL
SYNCERS = [
    syncers.Mailvc,
    syncers.Rsync,
    syncers.RsyncZ,
    syncers.Unison,
    syncers.Muchsync,
    imap.Mbsync,
    imap.Offlineimap,
    imap.Interimap,
    imap.Doveadm,
]



@dataclass
class Row:
    """What is done with each program, the programs, and the limits measured beside them."""

    work: Callable
    programs: list
    limits: tuple = ()


ROWS = {
    "first": Row(snapshots.first, BACKUPS, (bare.TAR,)),
    "store": Row(snapshots.store, BACKUPS),
    "noop": Row(snapshots.noop, BACKUPS, ("start a process", "readdir + stat")),
    "new100": Row(snapshots.new100, BACKUPS, ("list the folder",)),
    "checkout": Row(snapshots.checkout, BACKUPS, ("cp -a",)),
    "inplace": Row(history.inplace, BACKUPS),
    "quiet": Row(history.quiet_snapshots, BACKUPS),
    "clone": Row(syncs.clone, SYNCERS, (bare.SSH,)),
    "noop-sync": Row(syncs.noop_sync, SYNCERS, (bare.SSH,)),
    "day": Row(syncs.day, SYNCERS, (bare.SSH,)),
    "merge": Row(history.merge, SYNCERS[:1]),
}
#: Of more mail than this no program keeps its copies from row to row.
ROOMY = 500 << 20
#: The row of limits alone.
BARE = "bare"


def arguments():
    parser = argparse.ArgumentParser(prog="run", description="Compares mailvc with its peers.")
    words = lambda text: text.split(",")  # noqa: E731
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--mean", type=int, help="bytes [20000; above 100000 messages 6000]")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=int, default=5, help="the median counts [5]")
    parser.add_argument("--rows", type=words, default=[BARE, *ROWS])
    parser.add_argument("--peers", type=words, help="names; mailvc is always among them")
    parser.add_argument("--mailvc", default=str(ROOT / "target/release/mailvc"), metavar="PATH")
    parser.add_argument("--mail", default=str(ROOT / "target/release/examples/mail"), metavar="PATH")
    parser.add_argument("--json", metavar="FILE", help="write everything there")
    parser.add_argument("--keep", action="store_true", help="keep the scratch directory")
    parser.add_argument("--growth", nargs=2, metavar="FILE", help="compare two results instead")
    args = parser.parse_args()
    if unknown := set(args.rows) - {BARE, *ROWS}:
        parser.error(f"no such row: {', '.join(unknown)}")
    for built in (args.mailvc, args.mail):
        if not args.growth and not os.access(built, os.X_OK):
            parser.error(f"{built} is not built; see benches/README.md")
    return args


def present(programs, wanted):
    """Those of the programs that are wanted and installed; the others are named."""
    found = []
    for program in programs:
        if wanted and program.name not in [*wanted, "mailvc"]:
            continue
        missing = [need for need in program.needs if need != "mailvc" and not shutil.which(need)]
        if missing:
            report.warn(f"{program.name} is skipped: {', '.join(missing)} not installed")
        else:
            found.append(program)
    return found


class Cast:
    """The programs, set up once each, when a row first needs them."""

    def __init__(self, scene, wanted):
        self.scene, self.wanted = scene, wanted
        self.found = {}

    def of(self, programs):
        """Those of the programs that are to play, mailvc first."""
        for program in present(programs, self.wanted):
            if program not in self.found:
                self.found[program] = self._set_up(program)
            yield self.found[program]

    def _set_up(self, program):
        if not issubclass(program, backups.Backup):
            return program(self.scene)
        maildir = self.scene.dir / "work/mail"
        if not maildir.exists():
            self.scene.copy_to(maildir)
        return program(self.scene, maildir)


def measure(name, scene, cast):
    """All results of a row. A program that fails is reported, and the row goes on without it."""
    if name == BARE:
        report.heading(name, bare.__doc__.strip())
        for limit in bare.commands(scene):
            yield bare.measured(scene, name, limit)
        return
    row = ROWS[name]
    report.heading(name, row.work.__doc__)
    for limit in row.limits:
        yield bare.measured(scene, name, limit)
    if name == "day":
        yield from syncs.messages_of_the_days(scene)
    for program in cast.of(row.programs):
        try:
            yield from row.work(scene, program)
        except (Failed, AssertionError) as error:
            program.made = False
            report.warn(f"{program.name}: {error}")
            yield Result(name, program.name, note="failed: " + str(error).splitlines()[0][:80])
        if scene.written["bytes"] > ROOMY:
            program.leave()


def main():
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    args = arguments()
    if args.growth:
        documents = (json.loads(Path(file).read_text()) for file in args.growth)
        report.say("\n".join(targets.growth(*documents)))
        return 0
    # Whoever ends it finds no scratch and no sshd left.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    scene = Scene(args)
    try:
        return compare(args, scene)
    finally:
        scene.close()


def compare(args, scene):
    programs = present([*BACKUPS, *SYNCERS[1:]], args.peers)
    report.head(report.document(args, scene, programs, []))
    cast = Cast(scene, args.peers)
    results = []
    for row in args.rows:
        for result in measure(row, scene, cast):
            report.say(report.line(result))
            results.append(result)
    report.say("")
    for line in targets.lines(results):
        report.say(line)
    if args.json:
        report.save(args.json, report.document(args, scene, programs, results))
    return 0
