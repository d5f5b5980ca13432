"""A pooler in front of a PostgreSQL server, that gives each transaction another of its few connections."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.parts import missing
from tests.servers.postgres import Server, server_user
from tests.servers.processes import HOST, free_ports, listening, running, temporary_folder

_DATABASE = "pooled"
_CONFIGURATION = """
[databases]
{database} = host={server} user=postgres

[pgbouncer]
listen_addr = {host}
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 4
max_client_conn = 200
server_round_robin = 1
ignore_startup_parameters = options
"""


@dataclass(frozen=True)
class Pooler:
    """A running pooler."""

    port: int

    def url(self):
        return f"postgresql://{HOST}:{self.port}/{_DATABASE}"


@contextmanager
def pooler(server: Server) -> Iterator[Pooler]:
    """Start pgbouncer."""
    program = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin") or missing("pgbouncer")
    with temporary_folder("pgbouncer") as folder:
        # The pooler would keep who asks for a missing database waiting.
        server.run("createdb", "-h", server.folder, "-U", "postgres", "-E", "UTF8", "-T", "template0", _DATABASE)
        [port] = free_ports(1)
        configuration = folder / "pgbouncer.ini"
        configuration.write_text(_CONFIGURATION.format(database=_DATABASE, server=server.folder, host=HOST, port=port))
        user = server_user()
        if user is not None:
            shutil.chown(folder, user)
            shutil.chown(configuration, user)
        options = {} if user is None else {"user": user}
        with running([program, configuration], folder, lambda: listening(port), **options):
            yield Pooler(port)
