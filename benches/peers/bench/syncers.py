"""Programs that keep two directories in step over ssh: the peers of `sync` and `clone`."""

from .line import HOST
from .measure import quiet
from .scene import EXACT, PLACES, assert_equal

#: Which end the work was done at.
PUSH, PULL = "push", "pull"


class Syncer:
    """One program between a Maildir near and one far."""

    name = ""
    needs = ()
    version = ""
    #: Whether what is written is durable without help.
    durable = False
    #: How much of what it keeps in step can be compared.
    level = EXACT

    def __init__(self, scene):
        self.scene = scene
        self.near = scene.dir / "near" / self.name
        self.far = scene.dir / "far" / self.name
        self.env = scene.near
        self.far_env = scene.environment("far")
        self.made = False

    def begin(self):
        """Puts the mail at the far end."""
        self.scene.copy_to(self.far)

    def forget(self):
        """The near end never heard of the far one."""
        self.scene.clear(self.near)

    def ensure(self):
        """Both are in step."""
        if not self.made:
            self.begin()
            self.forget()
            quiet(self.clone(), self.env)
            self.made = True

    def clone(self):
        """The command that makes the near end from the far one."""
        return self.sync(PULL)

    def sync(self, way):
        """The command that brings both into step; `way` is for those that know one only."""
        raise NotImplementedError

    def lasting(self, command):
        """The command, with what it writes at the near end made durable."""
        if self.durable:
            return command
        return f"{command} && sync -f {self.scene.dir}/near"

    def assert_in_step(self):
        assert_equal(self.near, self.far, self.level)

    def leave(self):
        """Both ends are gone."""
        self.scene.clear(self.near, self.far)
        self.made = False


class Mailvc(Syncer):
    name = "mailvc"
    needs = ("mailvc",)
    version = "mailvc --version"
    durable = True

    def begin(self):
        super().begin()
        self.scene.clear(self.scene.dir / "far/data")
        quiet(["mailvc", "init", "--maildir", self.far, "--name", "far"], self.far_env)

    def forget(self):
        super().forget()
        self.scene.clear(self.scene.dir / "near/data")

    def clone(self):
        return f"mailvc --json clone {HOST} --maildir {self.near} --name near"

    def sync(self, way):
        return "mailvc --json sync"

    def leave(self):
        super().leave()
        for home in ["near", "far"]:
            self.scene.clear(self.scene.dir / home / "data")


class Rsync(Syncer):
    """One way only: the one in which something changed."""

    name = "rsync"
    needs = ("rsync",)
    version = "rsync --version | head -1"
    options = "-a"

    def sync(self, way):
        ends = [f"{self.near}/", f"{HOST}:{self.far}/"]
        source, target = ends if way == PUSH else reversed(ends)
        return f"rsync {self.options} --delete -e '{self.scene.ssh}' {source} {target}"


class RsyncZ(Rsync):
    name = "rsync-z"
    options = "-az --compress-choice=zstd"


class Unison(Syncer):
    name = "unison"
    needs = ("unison",)
    version = "unison -version"

    def forget(self):
        super().forget()
        for home in ["near", "far"]:
            self.scene.clear(self.scene.dir / home / ".unison")

    def sync(self, way):
        arguments = self.scene.ssh.removeprefix("ssh ")
        return (
            f"unison {self.near} ssh://{HOST}/{self.far} -ui text -batch -auto -silent -times"
            f" -confirmbigdel=false -sshcmd ssh -sshargs '{arguments}'"
        )


class Muchsync(Syncer):
    """Flags are tags in its database, one set for all copies of a message."""

    name = "muchsync"
    needs = ("muchsync", "notmuch")
    version = "muchsync --version | head -1"
    level = PLACES

    def begin(self):
        super().begin()
        self.configure("far", self.far)
        quiet("notmuch new --quiet", self.far_env)
        quiet("muchsync", self.far_env)

    def forget(self):
        super().forget()
        (self.scene.dir / "near/.notmuch-config").unlink(missing_ok=True)

    def configure(self, home, maildir):
        (self.scene.dir / home / ".notmuch-config").write_text(
            f"[database]\npath={maildir}\n[user]\nname=bench\nprimary_email=me@example.org\n"
            "[new]\ntags=unread;inbox\nignore=mailvc-anchor;\n"
            "[search]\nexclude_tags=\n[maildir]\nsynchronize_flags=true\n"
        )

    def clone(self):
        return f"muchsync -s '{self.scene.ssh}' --init {self.near} {HOST}"

    def sync(self, way):
        return f"muchsync -s '{self.scene.ssh}' {HOST}"

    def assert_in_step(self):
        super().assert_in_step()
        tags = "notmuch dump | sort"
        if quiet(tags, self.env) != quiet(tags, self.far_env):
            raise AssertionError("muchsync: the tags differ")
