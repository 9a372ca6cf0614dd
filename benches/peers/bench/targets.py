"""What is aimed at: figures of ours against a peer's, or a bare limit's, of the same run."""

from dataclasses import dataclass

MIB = 1 << 20
SYNCING = ["rsync", "rsync-z", "unison", "muchsync", "mbsync", "offlineimap", "interimap", "doveadm"]


@dataclass
class Target:
    """`ours` is to be at most `factor` times the least of `theirs`, plus `allowance`.

    A `net` time has that of `ssh host true` taken off. Without `theirs`, the allowance alone counts.
    """

    row: str
    ours: str
    field: str
    theirs: tuple = ()
    factor: float = 0.0
    allowance: float = 0.0
    net: bool = False


def _days():
    for way in ("push", "pull"):
        line = "sent" if way == "push" else "received"
        peers = tuple(f"{name} {way}" for name in SYNCING)
        yield Target("day", f"mailvc {way}", "wall", peers, 0.5, net=True)
        yield Target("day", f"mailvc {way}", line, (f"the messages {way}",), 1.05, 16_384)


TARGETS = [
    Target("first", "mailvc", "wall", ("borg",), 0.5),
    Target("first", "mailvc", "wall", ("restic",), 0.3),
    Target("first", "mailvc", "wall", ("git",), 0.25),
    Target("first", "mailvc", "wall", ("tar | zstd",), 1.3),
    Target("store", "mailvc", "store", ("restic",), 0.85),
    Target("store", "mailvc", "store", ("borg",), 0.85),
    Target("store", "mailvc gc", "store", ("git gc",), 0.80),
    Target("store", "mailvc gc", "store", ("git gc --aggressive",), 0.60),
    Target("noop", "mailvc", "wall", allowance=0.010),
    Target("noop", "mailvc", "wall", ("git status",), 1 / 20),
    Target("new100", "mailvc", "wall", ("list the folder",), 1.5),
    Target("noop-sync", "mailvc", "wall", ("ssh host true",), 1.15),
    Target("noop-sync", "mailvc", "protocol", allowance=1024),
    Target("noop-sync", "mailvc", "wall", tuple(SYNCING), 1 / 3, net=True),
    *_days(),
    Target("clone", "mailvc", "wall", ("rsync",), 0.5),
    Target("clone", "mailvc", "received", ("rsync",), 0.5),
    Target("checkout", "mailvc", "wall", ("cp -a",), 1.5),
    Target("checkout", "mailvc", "wall", ("restic",), 1 / 3),
    Target("checkout", "mailvc", "wall", ("borg",), 1 / 3),
    Target("checkout", "mailvc", "wall", ("git",), 1 / 3),
    Target("quiet", "mailvc", "store", allowance=4096),
    Target("quiet", "mailvc gc", "store", allowance=1024),
]


def value(result, field):
    """A figure of a result's: a median, or what it says of itself."""
    if field in ("store", "protocol"):
        return getattr(result, field)
    return result.median(field)


def lines(results):
    """Each target of the rows that were run, as text."""
    found = {(result.row, result.peer): result for result in results}
    for target in TARGETS:
        mine = found.get((target.row, target.ours))
        others = [found.get((target.row, peer)) for peer in target.theirs]
        others = [it for it in others if it and value(it, target.field) is not None]
        if mine is None or value(mine, target.field) is None or (target.theirs and not others):
            continue
        yield _line(target, mine, others, found.get((target.row, "ssh host true")))
    yield from _memory(results)


def _line(target, mine, others, base):
    figure = lambda it: value(it, target.field)  # noqa: E731
    off = base.median("wall") if target.net and base else 0
    ours = value(mine, target.field) - off
    least = min((figure(it) - off for it in others), default=0)
    limit = target.factor * least + target.allowance
    against = min(others, key=figure).peer if others else "a fixed limit"
    met = "met" if ours <= limit else f"MISSED ({ours / limit:.2f} x)" if limit > 0 else "MISSED"
    what = target.field + (" net" if target.net else "")
    unit = "s" if target.field == "wall" else "bytes"
    return (
        f"{target.row:10} {target.ours:12} {what:9} {ours:14.3f} {unit:5} limit {limit:14.3f}"
        f" ({target.factor:.2f} x {against} + {target.allowance:g}): {met}"
    )


def _memory(results):
    ours = [it for it in results if it.peer.startswith("mailvc") and it.runs]
    if ours:
        peak = lambda it: max(it.median("memory"), it.median("far_memory"))  # noqa: E731
        most = max(ours, key=peak)
        met = "met" if peak(most) <= 150 else "MISSED"
        yield f"memory     {peak(most):.1f} MiB at most, in {most.row} ({most.peer}); limit 150: {met}"


def growth(small, large):
    """How figures of the same rows grew between two documents of results."""
    before = {(it["row"], it["peer"]): it["median"] for it in small["results"]}
    for it in large["results"]:
        old = before.get((it["row"], it["peer"]))
        if old and it["median"] and old["wall"]:
            wall = it["median"]["wall"] / old["wall"]
            more = (it["median"]["memory"] - old["memory"]) * MIB
            each = more / (large["mail"]["messages"] - small["mail"]["messages"])
            yield f"{it['row']:10} {it['peer']:24} wall x {wall:6.2f}   memory {each:+8.1f} bytes a message"
