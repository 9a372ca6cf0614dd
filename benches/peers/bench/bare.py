"""What the machine itself needs: limits below which nobody gets."""

from .line import HOST
from .measure import Cost, Result, quiet, repeat, run
from .scene import BIG, DAY, size_of

SSH = "ssh host true"
TAR = "tar | zstd"


def commands(scene):
    """Each limit by its name, as a line for sh."""
    mail, out = scene.mail, scene.dir / "bare"
    return {
        "start a process": "exec true",
        "readdir": f"find {mail} > /dev/null",
        "readdir + stat": f"find {mail} -printf '%s %T@\\n' > /dev/null",
        "list the folder": f"ls -f1 {mail}/{BIG}/cur > /dev/null",
        "read all": f"find {mail} -type f -print0 | xargs -0 cat > /dev/null",
        "b3sum": f"find {mail} -type f -print0 | xargs -0 b3sum --no-names > /dev/null",
        TAR: f"tar -c -C {mail} . | zstd -q -3 -T2 > {out} && sync {out}",
        "cp -a": f"cp -a {mail} {out} && sync -f {out}",
        "sync FILE": f"echo > {out} && sync {out}",
        SSH: f"{scene.ssh} {HOST} true",
    }


def measured(scene, row, name):
    """Runs a limit for a row, beside which it is measured."""
    line = scene.line if name == SSH else None
    result = repeat(
        Result(row, name),
        scene.args.runs,
        lambda: run(commands(scene)[name], scene.near, line),
        before=lambda: scene.clear(scene.dir / "bare"),
    )
    if name == TAR:
        result.store = size_of(scene.dir / "bare")
    return result


def new_messages(scene, row, way, days):
    """The new messages of each of these days as one stream: what has to cross the line at least."""
    result = Result(row, f"the messages {way}", note="as one stream, zstd -3")
    alone = scene.dir / "work/alone"
    for day in days:
        scene.clear(alone)
        quiet(f"mkdir -p {alone}/cur", scene.near)
        scene.days = day - 1
        scene.work(alone, new=DAY["new"])
        stream = int(quiet(f"cat {alone}/new/* | zstd -q -3 | wc -c", scene.near))
        result.runs.append(Cost(sent=stream, received=stream))
    return result
