"""The rows about two Maildirs and the way between them."""

import json

from . import bare
from .measure import Result, quiet, repeat, run
from .syncers import PULL, PUSH, Mailvc


def protocol(syncer):
    """Bytes of mailvc's protocol in a session of nothing, without SSH."""
    if not isinstance(syncer, Mailvc):
        return None
    session = json.loads(quiet(syncer.sync(PULL), syncer.env))["sessions"][0]
    return session["sent"]["bytes"] + session["received"]["bytes"]


def clone(scene, syncer):
    """A second Maildir like the first, over ssh."""
    syncer.begin()
    with scene.line.made_durable(not syncer.durable):
        yield repeat(
            Result("clone", syncer.name),
            scene.args.runs,
            lambda: run(syncer.lasting(syncer.clone()), syncer.env, scene.line),
            before=syncer.forget,
            after=syncer.assert_in_step,
        )
    syncer.made = True


def noop_sync(scene, syncer):
    """Syncing when nothing changed at either end."""
    syncer.ensure()
    # After one that finds all times old enough to be trusted.
    quiet(f"{syncer.sync(PULL)}; sleep 2", syncer.env)
    quiet(syncer.sync(PULL), syncer.env)
    yield repeat(
        Result("noop-sync", syncer.name, protocol=protocol(syncer)),
        scene.args.runs,
        lambda: run(syncer.sync(PULL), syncer.env, scene.line),
        after=syncer.assert_in_step,
    )


def days(scene):
    """Which days' work is done at which end, the same for every program."""
    runs = scene.args.runs
    return {PUSH: range(1_001, 1_001 + runs), PULL: range(2_001, 2_001 + runs)}


def messages_of_the_days(scene):
    for way, chosen in days(scene).items():
        yield bare.new_messages(scene, "day", way, chosen)


def day(scene, syncer):
    """A day's work at one end, brought to the other."""
    syncer.ensure()
    for way, chosen in days(scene).items():
        worked_at = syncer.near if way == PUSH else syncer.far
        scene.days = chosen.start - 1
        with scene.line.made_durable(not syncer.durable):
            yield repeat(
                Result("day", f"{syncer.name} {way}"),
                scene.args.runs,
                lambda to=way: run(syncer.lasting(syncer.sync(to)), syncer.env, scene.line),
                before=lambda at=worked_at: scene.work(at),
                after=syncer.assert_in_step,
            )
