"""The rows about states that differ: going back, merging, and what history takes on disk."""

import json

from .backups import Git, Mailvc
from .measure import Result, quiet, repeat, run
from .packs import message_bytes
from .scene import assert_equal

#: Work that changes a thousand messages.
THOUSAND = {"new": 400, "flags": 400, "moves": 100, "deletions": 100}
QUIET = {"new": 3, "flags": 3}
QUIET_SNAPSHOTS = 10
BEYOND = "a snapshot, beyond the messages"


def inplace(scene, backup):
    """Making a Maildir what it was a thousand changed messages ago, in place."""
    if not isinstance(backup, (Git, Mailvc)):
        return
    before = scene.dir / "work/before"
    backup.ensure()
    quiet(backup.again(), backup.env)

    def step_on():
        scene.clear(before)
        quiet(["cp", "-a", backup.maildir, before], scene.near)
        scene.work(backup.maildir, **THOUSAND)
        quiet(backup.again(), backup.env)

    yield repeat(
        Result("inplace", backup.name),
        scene.args.runs,
        lambda: run(going_back(backup), backup.env),
        before=step_on,
        after=lambda: assert_equal(backup.maildir, before),
    )
    scene.clear(before)


def going_back(backup):
    if isinstance(backup, Git):
        return f"git reset -q --hard HEAD~1 && sync -f {backup.maildir}"
    ask = backup.command("--json", "--dry-run", "checkout", "local~1")
    said = json.loads(quiet(ask, backup.env, (0, 3)))
    leaving = (said["stopped"] or said["done"])["leaving"]
    return backup.command("--yes-delete", leaving, "checkout", "local~1")


def merge(scene, pair):
    """Finding out what a merge of two lines that differ in a thousand entries would do."""
    pair.ensure()
    half = {name: number // 2 for name, number in THOUSAND.items()}
    scene.work(pair.near, **half)
    scene.work(pair.far, **half)
    quiet(["mailvc", "snapshot"], pair.far_env)
    quiet("mailvc snapshot && mailvc fetch", pair.env)
    for command in ("mailvc snapshot", "mailvc merge --dry-run"):
        yield repeat(
            Result("merge", command),
            scene.args.runs,
            lambda it=command: run(it, pair.env, codes=(0, 3)),
        )
    pair.leave()


def quiet_snapshots(scene, backup):
    """What each of ten snapshots of almost nothing adds to the store."""
    backup.ensure()
    quiet(backup.again(), backup.env)
    repacks = isinstance(backup, Mailvc) and backup.can_repack()
    if repacks:
        # What is repacked afterwards is compared with what was repacked before.
        quiet(backup.command("gc", "--grace", "0"), backup.env)
    before, messages = sizes(backup), 0
    for _ in range(QUIET_SNAPSHOTS):
        scene.work(backup.maildir, **QUIET)
        new = f"find {backup.maildir} -name '*D{scene.days}.mda' -print0"
        messages += int(quiet(f"{new} | xargs -0 cat | zstd -q -3 | wc -c", scene.near))
        quiet(backup.again(), backup.env)

    def beyond():
        for name, size in sizes(backup).items():
            # Of ours, what are messages is known and has been left out; of others it is guessed.
            new = 0 if isinstance(backup, Mailvc) else messages
            grown = (size - before[name] - new) // QUIET_SNAPSHOTS
            yield Result("quiet", name, store=grown, note=BEYOND)

    yield from beyond()
    if repacks:
        quiet(backup.command("gc", "--grace", "0"), backup.env)
        for result in beyond():
            result.peer = result.peer.replace("mailvc", "mailvc gc")
            yield result


def sizes(backup):
    """Of a program's store; of ours without its messages, and without the index as well."""
    if not isinstance(backup, Mailvc):
        return {backup.name: backup.size()}
    size = backup.size() - message_bytes(backup.store)
    return {backup.name: size - backup.index_size(), "mailvc, with its index": size}
