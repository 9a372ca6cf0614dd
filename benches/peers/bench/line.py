"""A private sshd on a loopback port, and a relay before it that counts bytes.

Everything that any program sends to the far machine goes through the relay, so that it costs all
of them the same.
"""

import os
import shutil
import socket
import subprocess
import threading
import time
from contextlib import contextmanager
from pathlib import Path

from .measure import Failed

HOST = "far"
CHUNK = 1 << 18

#: What every session at the far end runs in: its peak memory is written down, and, for a program
#: that does not see to it, what it wrote is made durable before it ends.
FAR_END = """#!/bin/sh
/usr/bin/time -q -a -o '{dir}/peaks' -f %M sh -c "$SSH_ORIGINAL_COMMAND"
status=$?
if [ -e '{dir}/durable' ]; then sync -f "$HOME"; fi
exit $status
"""

SSHD_CONFIG = """
ListenAddress 127.0.0.1:{port}
HostKey {dir}/host_key
AuthorizedKeysFile {dir}/id.pub
ForceCommand {dir}/far-end
PidFile none
StrictModes no
UsePAM {pam}
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
PrintMotd no
MaxStartups 100
SetEnv {environment}
"""

SSH_CONFIG = """
Host {host}
  HostName 127.0.0.1
  Port {port}
  User {user}
  IdentityFile {dir}/id
  IdentitiesOnly yes
  IdentityAgent none
  UserKnownHostsFile {dir}/known_hosts
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  BatchMode yes
"""


class Line:
    """The way to the far machine."""

    def __init__(self, directory, environment):
        """`environment` is that of every session there."""
        self.dir = Path(directory)
        self.dir.mkdir()
        self.user = subprocess.check_output(["id", "-un"], text=True).strip()
        for key in ["host_key", "id"]:
            make = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "bench", "-f"]
            subprocess.run([*make, self.dir / key], check=True)
        far_end = self.dir / "far-end"
        far_end.write_text(FAR_END.format(dir=self.dir))
        far_end.chmod(0o755)
        self.sshd = self._listen(environment)
        self.relay = Relay(self.port)
        self._client()

    def _listen(self, environment):
        if self.user == "root":
            # Where sshd has never been started by the system.
            os.makedirs("/run/sshd", exist_ok=True)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        variables = " ".join(f'"{name}={value}"' for name, value in environment.items())
        config = self.dir / "sshd_config"
        config.write_text(
            SSHD_CONFIG.format(
                dir=self.dir, port=self.port, environment=variables, pam=self._locked()
            )
        )
        sshd = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
        log = self.dir / "log"
        child = subprocess.Popen([sshd, "-D", "-f", config, "-E", log], stdin=subprocess.DEVNULL)
        for _ in range(200):
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1):
                    return child
            except OSError:
                time.sleep(0.02)
        raise RuntimeError(f"sshd does not start: {log.read_text()}")

    def _locked(self):
        """Without PAM, sshd lets nobody in whose password is locked."""
        try:
            shadow = Path("/etc/shadow").read_text()
        except OSError:
            return "no"
        return "yes" if f"\n{self.user}:!" in "\n" + shadow else "no"

    def _client(self):
        key = (self.dir / "host_key.pub").read_text()
        (self.dir / "known_hosts").write_text(f"[127.0.0.1]:{self.relay.port} {key}")
        self.config.write_text(
            SSH_CONFIG.format(host=HOST, port=self.relay.port, user=self.user, dir=self.dir)
        )

    @property
    def config(self):
        """A configuration for ssh that knows the far machine as HOST."""
        return self.dir / "ssh_config"

    @contextmanager
    def made_durable(self, wanted):
        """While this lasts, the far end makes durable what each command wrote."""
        mark = self.dir / "durable"
        if wanted:
            mark.touch()
        try:
            yield
        finally:
            mark.unlink(missing_ok=True)

    def begin(self):
        self._settle()
        (self.dir / "peaks").unlink(missing_ok=True)
        self.relay.sent = self.relay.received = 0
        self.ticks = self._ticks()

    def end(self, cost):
        """Waits for the far end, and adds what it cost."""
        self._settle()
        cost.far_cpu = (self._ticks() - self.ticks) / os.sysconf("SC_CLK_TCK")
        cost.sent, cost.received = self.relay.sent, self.relay.received
        peaks = self.dir / "peaks"
        if peaks.exists():
            cost.far_memory = max(int(kib) for kib in peaks.read_text().split()) / 1024

    def _settle(self):
        """Waits until all connections have ended, and all that ran in them."""
        children = Path(f"/proc/{self.sshd.pid}/task/{self.sshd.pid}/children")
        until = time.monotonic() + 60
        while self.relay.open or children.read_text().split():
            if time.monotonic() > until:
                raise Failed("a session at the far end does not end")
            time.sleep(0.0005)

    def _ticks(self):
        """Of all sessions that have ended, encryption included."""
        fields = Path(f"/proc/{self.sshd.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return int(fields[13]) + int(fields[14])

    def close(self):
        self.relay.close()
        self.sshd.terminate()
        self.sshd.wait()


class Relay:
    """Passes connections on to a port, and counts their bytes."""

    def __init__(self, target):
        self.target = target
        self.sent = self.received = self.open = 0
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.listener.close()

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self.target))
            for end in (near, far):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self.open += 2
            for way in ((near, far, "sent"), (far, near, "received")):
                threading.Thread(target=self._pass, args=way, daemon=True).start()

    def _pass(self, source, sink, counter):
        buffer = bytearray(CHUNK)
        view = memoryview(buffer)
        count = 0
        try:
            while length := source.recv_into(buffer):
                count += length
                sink.sendall(view[:length])
        except OSError:
            pass
        try:
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        with self.lock:
            setattr(self, counter, getattr(self, counter) + count)
            self.open -= 1
