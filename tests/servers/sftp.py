"""An SSH server of the tests' own: Debian's, with a key of its own, for the user who runs the tests."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.parts import missing
from tests.servers.processes import HOST, free_ports, listening, running, temporary_folder

_PRIVILEGE_SEPARATION = Path("/run/sshd")


@dataclass(frozen=True)
class Sftp:
    """A running server.

    Logins with `key` may do what the user who runs the tests may, those with `reader` only read. `known_hosts` is a
    file that has the key of the server.
    """

    port: int
    user: str
    folder: Path

    @property
    def key(self) -> str:
        return str(self.folder / "key")

    @property
    def reader(self) -> str:
        return str(self.folder / "reader")

    @property
    def known_hosts(self) -> str:
        return str(self.folder / "known_hosts")

    @property
    def storage_options(self) -> dict:
        """What a store needs to get there."""
        return {
            "username": self.user,
            "key_filename": self.key,
            "known_hosts": self.known_hosts,
            "look_for_keys": False,
            "allow_agent": False,
        }

    def url(self, folder: object) -> str:
        """The URL of a folder of this host."""
        return f"sftp://{HOST}:{self.port}/{str(folder).lstrip('/')}"


@contextmanager
def sftp_server() -> Iterator[Sftp]:
    """Start a server."""
    program = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        missing("sshd, of Debian's openssh-server")
    [port] = free_ports(1)
    with temporary_folder("sftp") as folder, _privilege_separation():
        for name in ("host_key", "key", "reader"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
        everything, reading = ((folder / f"{name}.pub").read_text() for name in ("key", "reader"))
        (folder / "authorized").write_text(f'restrict {everything}restrict,command="internal-sftp -R" {reading}')
        kind, key, *_ = (folder / "host_key.pub").read_text().split()
        (folder / "known_hosts").write_text(f"[{HOST}]:{port} {kind} {key}\n")
        (folder / "config").write_text(_configuration(folder, port))
        with running([program, "-D", "-e", "-f", folder / "config"], folder, lambda: listening(port)):
            yield Sftp(port, pwd.getpwuid(os.geteuid()).pw_name, folder)


def _configuration(folder: Path, port: int) -> str:
    # Without PAM, who has no password is locked out where the server cannot read who has one.
    return f"""
ListenAddress {HOST}
Port {port}
HostKey {folder}/host_key
PidFile none
AuthorizedKeysFile {folder}/authorized
StrictModes no
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM {"no" if os.geteuid() == 0 else "yes"}
MaxStartups 100
Subsystem sftp internal-sftp
"""


@contextmanager
def _privilege_separation() -> Iterator[None]:
    """The folder that sshd wants when root starts it; the system's own service would make it."""
    if os.geteuid() == 0:
        _PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)
    yield
