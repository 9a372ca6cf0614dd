"""Programs that record the states of a directory: the peers of `snapshot` and `checkout`.

Each is set up to be as durable as mailvc, by its own means where it has any, else with `sync`.
"""

from .measure import Failed, quiet
from .scene import size_of


class Backup:
    """One program, with a store of its own, before one Maildir."""

    name = ""
    #: Programs that must be there.
    needs = ()
    version = ""

    def __init__(self, scene, maildir):
        self.scene = scene
        self.maildir = maildir
        self.store = scene.dir / "near" / f"{self.name}-store"
        self.env = scene.near | self.variables()
        self.made = False

    def variables(self):
        return {}

    def forget(self):
        """Nothing was ever recorded."""
        self.scene.clear(self.store)
        self.made = False

    def ensure(self):
        """Something was recorded."""
        if not self.made:
            self.forget()
            quiet(self.first(), self.env)
            self.made = True

    def leave(self):
        """Nothing that takes much room stays behind; a store may."""

    def size(self):
        return size_of(self.store)

    def first(self):
        """The command that makes a store and records the Maildir."""
        raise NotImplementedError

    def again(self):
        """The command that records the Maildir once more."""
        raise NotImplementedError

    def restore(self, target):
        """The command that writes the last state into a new directory, durably."""
        raise NotImplementedError

    def restored(self, target):
        """Where the Maildir is below it."""
        return target / str(self.maildir).lstrip("/")

    def forget_restored(self):
        """What was restored has been removed."""


class Git(Backup):
    name = "git"
    needs = ("git",)
    version = "git --version"

    def variables(self):
        return {"GIT_DIR": str(self.store), "GIT_WORK_TREE": str(self.maildir)}

    def first(self):
        # All objects durable, in the cheaper of git's two ways; no work behind our back.
        settings = {
            "core.fsync": "committed,loose-object",
            "core.fsyncMethod": "batch",
            "gc.auto": "0",
            "user.name": "bench",
            "user.email": "bench@example.org",
        }
        configure = "".join(f"git config {name} {value} && " for name, value in settings.items())
        return f"git init -q && {configure}{self.again()}"

    def again(self):
        return "git add -A && git commit -q --allow-empty -m bench"

    def restore(self, target):
        return f"git worktree add -q -f --detach {target} HEAD && sync -f {target}"

    def restored(self, target):
        return target

    def forget_restored(self):
        quiet("git worktree prune", self.env)


class Restic(Backup):
    name = "restic"
    needs = ("restic",)
    version = "restic version"

    def variables(self):
        return {
            "RESTIC_REPOSITORY": str(self.store),
            "RESTIC_PASSWORD": "bench",
            "RESTIC_CACHE_DIR": str(self.scene.dir / "near/restic-cache"),
        }

    def first(self):
        return f"restic -q init --repository-version 2 && {self.again()}"

    def again(self):
        return f"restic -q backup {self.maildir}"

    def restore(self, target):
        return f"restic -q restore latest --target {target} && sync -f {target}"


class Borg(Backup):
    name = "borg"
    needs = ("borg",)
    version = "borg --version"

    def variables(self):
        return {
            "BORG_REPO": str(self.store),
            "BORG_BASE_DIR": str(self.scene.dir / "near/borg-base"),
            "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes",
            "BORG_RELOCATED_REPO_ACCESS_IS_OK": "yes",
        }

    def first(self):
        return f"borg init -e none && {self.again()}"

    def again(self):
        # $$ tells one archive from another.
        return f"borg create --compression zstd,3 ::{{now:%s}}-$$ {self.maildir}"

    def restore(self, target):
        last = "$(borg list --last 1 --short)"
        return f"mkdir {target} && cd {target} && borg extract ::{last} && sync -f {target}"


class Bup(Backup):
    name = "bup"
    needs = ("bup",)
    version = "bup --version"

    def variables(self):
        return {"BUP_DIR": str(self.store)}

    def first(self):
        return f"bup init && {self.again()}"

    def again(self):
        save = f"bup save -q -n mail {self.maildir}"
        return f"bup index {self.maildir} && {save} && sync -f {self.store}"

    def restore(self, target):
        return f"bup restore -q -C {target} /mail/latest{self.maildir}/. && sync -f {target}"

    def restored(self, target):
        return target


class Mailvc(Backup):
    name = "mailvc"
    needs = ("mailvc",)
    version = "mailvc --version"

    def forget(self):
        super().forget()
        (self.maildir / "mailvc-anchor").unlink(missing_ok=True)

    def command(self, *words):
        return ["mailvc", "--store", self.store, *words]

    def first(self):
        return self.command("init", "--maildir", self.maildir, "--name", "bench")

    def again(self):
        return self.command("snapshot")

    def restore(self, target):
        return self.command("checkout", "local", "--to", target)

    def restored(self, target):
        return target

    def index_size(self):
        """Of the part of the store that can be deleted at any time; it grows in steps."""
        return size_of(self.store / "index.redb")

    def can_repack(self):
        try:
            quiet(["mailvc", "gc", "--help"], self.env)
        except Failed:
            return False
        return True


ALL = [Mailvc, Git, Restic, Borg, Bup]
