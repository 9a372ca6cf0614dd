"""Programs that keep mail in step by IMAP, and Dovecot, with which they do.

No server runs: each connection starts Dovecot's `imap` for the one user, through ssh.
"""

import os
import shutil
from pathlib import Path

from .line import HOST
from .scene import IMAP as IMAP_LEVEL
from .syncers import Syncer

IMAP = "/usr/lib/dovecot/imap"
#: Dovecot touches no mail as root: in a namespace of its own root has another number.
AS_USER = "" if os.getuid() else "unshare --user --map-user=1000 --map-group=1000 "

DOVECOT = """
log_path = {home}/dovecot.log
base_dir = {home}/dovecot
state_dir = {home}/dovecot
mail_location = maildir:{maildir}
mail_home = {home}
first_valid_uid = {uid}
first_valid_gid = {gid}
mail_uid = {uid}
mail_gid = {gid}
mail_fsync = always
maildir_very_dirty_syncs = no
ssl = no
namespace inbox {{
  inbox = yes
  separator = .
}}
"""

MBSYNC = """
FSync yes

IMAPStore far
Tunnel "{ssh} {host} {imap}"

MaildirStore near
Inbox {near}
SubFolders Maildir++

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Remove None
Expunge Both
CopyArrivalDate yes
SyncState {state}/
"""

OFFLINEIMAP = """
[general]
accounts = bench
metadata = {state}
ui = quiet
fsync = true

[Account bench]
localrepository = near
remoterepository = far

[Repository near]
type = Maildir
localfolders = {near}
sep = .
utime_from_header = no

[Repository far]
type = IMAP
preauthtunnel = {ssh} {host} {imap}
holdconnectionopen = no
"""

INTERIMAP = """
database = {state}.db
logfile = {state}.log

[local]
type = tunnel
command = {near_imap}

[remote]
type = tunnel
command = {ssh} {host} {imap}
"""


class Imap(Syncer):
    """What is common to them: Dovecot at the far end, and a directory for state."""

    level = IMAP_LEVEL
    needs = (IMAP,)

    def __init__(self, scene):
        super().__init__(scene)
        self.state = scene.dir / "near" / f"{self.name}-state"
        self.near_conf = self.dovecot("near", self.near)
        self.far_conf = self.dovecot("far", self.far)
        self.config = scene.dir / "near" / f"{self.name}rc"
        self.config.write_text(self.template.format(**self.names()))

    template = ""

    def dovecot(self, home, maildir):
        """Dovecot's configuration for one end, and beside it what starts `imap` with it."""
        conf = self.scene.dir / home / f"{self.name}-dovecot.conf"
        home = self.scene.dir / home
        (home / "dovecot").mkdir(exist_ok=True)
        uid, gid = (os.getuid(), os.getgid()) if os.getuid() else (1000, 1000)
        conf.write_text(DOVECOT.format(home=home, maildir=maildir, uid=uid, gid=gid))
        for program in (IMAP, "doveadm"):
            script = self.script(conf, program)
            script.write_text(f'#!/bin/sh\nHOME={home} exec {AS_USER}{program} -c {conf} "$@"\n')
            script.chmod(0o755)
        return conf

    def script(self, conf, program):
        """What starts one of Dovecot's programs at the end that has this configuration."""
        return conf.with_suffix("." + Path(program).name)

    def names(self):
        return {
            "ssh": self.scene.ssh,
            "host": HOST,
            "imap": self.script(self.far_conf, IMAP),
            "near_imap": self.script(self.near_conf, IMAP),
            "near": self.near,
            "state": self.state,
        }

    def forget(self):
        super().forget()
        shutil.rmtree(self.state, ignore_errors=True)
        self.state.mkdir()


class Mbsync(Imap):
    name = "mbsync"
    needs = ("mbsync", *Imap.needs)
    version = "mbsync --version"
    template = MBSYNC

    def forget(self):
        super().forget()
        self.near.mkdir()

    def sync(self, way):
        return f"mbsync -q -c {self.config} all"


class Offlineimap(Imap):
    name = "offlineimap"
    needs = ("offlineimap", *Imap.needs)
    version = "offlineimap --version | tail -1"
    template = OFFLINEIMAP

    def sync(self, way):
        return f"offlineimap -o -c {self.config}"


class Interimap(Imap):
    name = "interimap"
    needs = ("interimap", *Imap.needs)
    version = "dpkg-query -W -f '${Version}' interimap"
    template = INTERIMAP

    def forget(self):
        super().forget()
        for suffix in [".db", ".log"]:
            self.state.with_name(self.state.name + suffix).unlink(missing_ok=True)

    def sync(self, way):
        return f"interimap --config={self.config} --quiet"


class Doveadm(Imap):
    name = "doveadm"
    needs = ("doveadm", *Imap.needs)
    version = "dovecot --version"

    def sync(self, way):
        near, far = (self.script(conf, "doveadm") for conf in (self.near_conf, self.far_conf))
        return f"{near} sync {self.scene.ssh} {HOST} {far} dsync-server"
