"""The rows about one Maildir and one store."""

from .backups import Git, Mailvc
from .measure import Failed, Result, quiet, repeat, run, text_of
from .scene import BIG, assert_equal, warm

#: Of more messages `git gc --aggressive` takes over ten minutes.
AGGRESSIVE = 10_000


def first(scene, backup):
    """The first snapshot, and what it takes on disk."""
    warm(backup.maildir)
    result = Result("first", backup.name)

    def once():
        cost = run(backup.first(), backup.env)
        backup.made = True
        return cost

    repeat(result, scene.args.runs, once, before=backup.forget)
    result.store = backup.size()
    yield result


def store(scene, backup):
    """Bytes on disk: as recorded at first, and repacked by those who can."""
    backup.forget()
    backup.ensure()
    yield Result("store", backup.name, store=backup.size())
    for name, command in repacks(backup, scene.args.messages):
        result = Result("store", name, runs=[run(command, backup.env)])
        result.store = backup.size()
        yield result


def repacks(backup, messages):
    if isinstance(backup, Git):
        yield "git gc", "git gc --quiet --prune=now"
        if messages <= AGGRESSIVE:
            yield "git gc --aggressive", "git gc --quiet --aggressive --prune=now"
    elif isinstance(backup, Mailvc) and backup.can_repack():
        yield "mailvc gc", backup.command("gc", "--grace", "0")


def noop(scene, backup):
    """Recording a Maildir in which nothing changed."""
    backup.ensure()
    # After a look at the Maildir that finds its times old enough to be trusted.
    quiet(f"sleep 2; {text_of(backup.again())}", backup.env)
    commands = {backup.name: backup.again()}
    if isinstance(backup, Git):
        commands = {"git status": "git status --porcelain", **commands}
    for name, command in commands.items():
        yield repeat(
            Result("noop", name), scene.args.runs, lambda it=command: run(it, backup.env)
        )


def new100(scene, backup):
    """Recording 100 new messages in the largest folder."""
    backup.ensure()
    quiet(backup.again(), backup.env)
    yield repeat(
        Result("new100", backup.name),
        scene.args.runs,
        lambda: run(backup.again(), backup.env),
        before=lambda: scene.work(backup.maildir, new=100, folder=BIG),
    )


def checkout(scene, backup):
    """Writing the last state into an empty directory."""
    warm(backup.maildir)
    backup.ensure()
    quiet(backup.again(), backup.env)
    target = scene.dir / "work" / f"{backup.name}-out"

    def forget():
        scene.clear(target)
        backup.forget_restored()

    def check():
        if not backup.restored(target).is_dir():
            raise Failed(f"{backup.name} wrote nothing to {backup.restored(target)}")
        assert_equal(backup.maildir, backup.restored(target))

    yield repeat(
        Result("checkout", backup.name),
        scene.args.runs,
        lambda: run(backup.restore(target), backup.env),
        before=forget,
        after=check,
    )
    forget()
