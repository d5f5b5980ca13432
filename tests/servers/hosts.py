"""Hosts of the tests' own: network namespaces on one bridge, each with a host name and a kernel of its own to show.

Programs on them share this machine's folders. The machine itself is on the bridge too, at the address ``home``.
"""

from __future__ import annotations

import itertools
import os
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.parts import missing

_PREFIX = "pv"
_serial = itertools.count()
_KERNEL = "/proc/sys/kernel/random/boot_id"
_BECOME = f'hostname "$1"; if test -s "$2"; then mount --bind "$2" {_KERNEL}; fi; shift 2; exec "$@"'
"""Of the shell that takes the host's name and kernel before it runs a program: name, file, program, arguments."""


@dataclass(frozen=True)
class Host:
    """One host: its name, its address, and the namespace and the end of the cable that it really is."""

    name: str
    address: str
    namespace: str
    cable: str
    kernel: Path

    def command(self, *program: object) -> list[str]:
        """The command that runs a program there."""
        inside = ["ip", "netns", "exec", self.namespace, "unshare", "--uts", "--"]
        return [*inside, "sh", "-c", _BECOME, "sh", self.name, str(self.kernel), *map(str, program)]

    @contextmanager
    def running(self, *program: object, environment: Mapping[str, str], log: Path) -> Iterator[None]:
        """Run a program there while the block lasts; it is killed then, with all that it started."""
        with log.open("ab") as output:
            process = subprocess.Popen(
                self.command(*program),
                env={**os.environ, **environment},
                cwd=log.parent,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def cut_off(self) -> None:
        """Pull the cable: nothing goes in or out, and nobody is told."""
        _ip("-n", self.namespace, "link", "set", self.cable, "down")

    def heal(self) -> None:
        """Plug the cable in again."""
        _ip("-n", self.namespace, "link", "set", self.cable, "up")


@dataclass(frozen=True)
class Network:
    """Hosts by name; `home` is this machine's address among them, and `addresses` those of all."""

    hosts: Mapping[str, Host]
    home: str
    addresses: str


@contextmanager
def network(*names: str) -> Iterator[Network]:
    """Make hosts that reach each other and this machine, and remove them when the block ends.

    Each shows a kernel of its own where a program asks for the one it runs on, except the host called ``container``.
    """
    if os.geteuid() != 0 or shutil.which("ip") is None:
        missing("the Debian package iproute2, and to be root")
    _remove_left_over()
    subnet = f"198.18.{secrets.randbelow(256)}"  # of a block that is kept for tests of networks
    with ExitStack() as stack:
        kernels = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hosts-")))
        bridge = f"{_PREFIX}{os.getpid():x}.{next(_serial)}"
        if _ip("link", "add", bridge, "type", "bridge", check=False):
            missing("the right to make network devices")
        stack.callback(_ip, "link", "del", bridge)
        _ip("address", "add", f"{subnet}.1/24", "dev", bridge)
        _ip("link", "set", bridge, "up")
        hosts = {}
        for number, name in enumerate(names):
            kernel = kernels / name
            kernel.write_text("" if name == "container" else f"{uuid.uuid4()}\n")
            host = Host(name, f"{subnet}.{number + 2}", f"{bridge}-{name}", f"{bridge}-{number}", kernel)
            _connect(host, bridge, f"{bridge}+{number}", stack)
            hosts[name] = host
        yield Network(hosts, f"{subnet}.1", f"{subnet}.0/24")


def _remove_left_over() -> None:
    """Remove what tests have left that were killed; names begin with the number of their process."""
    listed = [("netns", line.split()[0]) for line in _listed("netns", "list")]
    listed += [("link", line.split()[0]) for line in _listed("-brief", "link", "show", "type", "bridge")]
    for kind, name in listed:
        owner = re.match(rf"{_PREFIX}([0-9a-f]+)\.", name)
        if owner and not Path(f"/proc/{int(owner[1], 16)}").exists():
            _ip(kind, "del", name, check=False)  # another process may be removing it too


def _listed(*arguments: str) -> list[str]:
    return subprocess.run(["ip", *arguments], capture_output=True, text=True, check=True).stdout.splitlines()


def _connect(host: Host, bridge: str, plug: str, stack: ExitStack) -> None:
    """Make the namespace of a host, with a cable to the bridge; removing the namespace removes the cable."""
    if _ip("netns", "add", host.namespace, check=False):
        missing("the right to make network namespaces")
    stack.callback(_ip, "netns", "del", host.namespace)
    _ip("link", "add", plug, "type", "veth", "peer", "name", host.cable, "netns", host.namespace)
    _ip("link", "set", plug, "master", bridge, "up")
    inside: Sequence[Sequence[str]] = (
        ("address", "add", f"{host.address}/24", "dev", host.cable),
        ("link", "set", host.cable, "up"),
        ("link", "set", "lo", "up"),
    )
    for arguments in inside:
        _ip("-n", host.namespace, *arguments)


def _ip(*arguments: str, check: bool = True) -> int:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise RuntimeError(f"ip {' '.join(arguments)}: {done.stderr}")
    return done.returncode
