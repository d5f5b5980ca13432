"""TLS, passwords that nobody sees, and who may do what on a PostgreSQL server."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import traceback
import warnings
from pathlib import Path

import psycopg
import pytest
import trustme
from psycopg import sql

import provenance as p
from provenance.blobstores import DiskStore
from provenance.errors import RepoUnavailableError, RepoUnreachableError
from provenance.repos.sql import SqlRepo
from provenance.testing.drafts import LARGE, a_draft, an_id
from tests.repos.test_postgres import open_repo, terminate_others
from tests.servers.postgres import postgres_server, server_user
from tests.servers.processes import HOST, free_ports, temporary_folder

ROOT = Path(__file__).parents[2]
SECRET = "hush %40:/?#&=+ é"
QUOTED = "hush%20%2540%3A%2F%3F%23%26%3D%2B%20%C3%A9"


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(scope="module")
def tls(authority):
    """A server that takes TLS connections only, with the port it listens at."""
    [port] = free_ports(1)
    with temporary_folder("tls") as folder:
        certificate = authority.issue_cert("localhost")
        files = {"certificate": folder / "server.pem", "key": folder / "server.key"}
        certificate.cert_chain_pems[0].write_to_path(files["certificate"])
        certificate.private_key_pem.write_to_path(files["key"])
        for path in (folder, *files.values()):
            path.chmod(0o700 if path is folder else 0o600)
            if server_user() is not None:
                os.chown(path, *_ids(server_user()))
        settings = (
            f"listen_addresses={HOST}",
            f"port={port}",
            "ssl=on",
            f"ssl_cert_file={files['certificate']}",
            f"ssl_key_file={files['key']}",
            "log_statement=none",
        )
        rules = f"hostssl all locked {HOST}/32 scram-sha-256\nhostssl all all {HOST}/32 trust"
        with postgres_server(settings=settings, rules=rules) as server:
            with psycopg.connect(f"postgresql://postgres@/postgres?host={server.folder}&port={port}") as admin:
                admin.autocommit = True
                admin.execute("CREATE DATABASE team TEMPLATE template0 ENCODING 'UTF8'")
                admin.execute(sql.SQL("CREATE ROLE locked LOGIN PASSWORD {}").format(SECRET))
                admin.execute("ALTER DATABASE team OWNER TO locked")
            yield port


def _ids(name):
    import pwd

    entry = pwd.getpwnam(name)
    return entry.pw_uid, entry.pw_gid


@pytest.fixture
def root_certificate(authority, tmp_path):
    path = tmp_path / "root.pem"
    authority.cert_pem.write_to_path(path)
    return path


# ---- TLS


def test_a_server_is_verified(tls, root_certificate, tmp_path):
    url = f"postgresql://postgres@localhost:{tls}/verified?sslmode=verify-full&sslrootcert={root_certificate}"
    repo = SqlRepo(url, DiskStore(tmp_path / "blobs"))
    repo.save(a_draft(1, LARGE))
    assert repo.get_value(an_id(1)) == LARGE
    asked = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
    assert repo._rows._database.fetch_all(asked) == [(True,)]
    assert f"postgresql://localhost:{tls}/verified" == repo._rows._database.place


def test_an_authority_may_be_named_by_the_environment(tls, root_certificate, tmp_path, monkeypatch):
    monkeypatch.setenv("PGSSLROOTCERT", str(root_certificate))
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    repo = SqlRepo(f"postgresql://postgres@localhost:{tls}/verified", DiskStore(tmp_path / "blobs"))
    assert an_id(9) not in repo


def test_another_authority_or_host_is_refused(tls, root_certificate, tmp_path):
    store = DiskStore(tmp_path / "blobs")
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(other)
    asked = "sslmode=verify-full&sslrootcert"
    urls = {
        f"postgresql://postgres@localhost:{tls}/verified?{asked}={other}": "certificate verify failed",
        f"postgresql://postgres@{HOST}:{tls}/verified?{asked}={root_certificate}": "does not match host name",
        f"postgresql://postgres@localhost:{tls}/verified?{asked}={tmp_path}/absent.pem": "absent.pem",
        f"postgresql://postgres@localhost:{tls}/verified?sslmode=disable": "no encryption",
    }
    for url, told in urls.items():
        with pytest.raises(RepoUnavailableError, match=rf"verified cannot be used: .*{told}.*sslrootcert") as raised:
            SqlRepo(url, store, create_db=False)
        assert not isinstance(raised.value, RepoUnreachableError), told


def test_a_server_without_tls_is_refused_where_it_is_asked_for(line, tmp_path):
    with pytest.raises(RepoUnavailableError, match=r"does not support SSL.*sslmode") as raised:
        SqlRepo(line.url() + "?sslmode=require", DiskStore(tmp_path), create_db=False)
    assert not isinstance(raised.value, RepoUnreachableError)


# ---- passwords


PROCESS = """
import json, logging, sys, traceback
logging.basicConfig(level=1, stream=sys.stdout)
for name in ("sqlalchemy", "alembic", "psycopg"):
    logging.getLogger(name).setLevel(1)
import provenance as p
from provenance.blobstores import MemoryStore
from provenance.repos.sql import SqlRepo

def use(url, action):
    if action == "configured":
        team = {"type": "postgres", "db": url, "schema": action, "store": "files"}
        p.load_config({"blobstores": {"files": {"type": "memory"}}, "artifact_repos": {"team": team}})
        repo = p.get_repo_by_name("team")
    else:
        repo = SqlRepo(url, MemoryStore(), schema=action)
    database = repo._rows._database
    print(repo, [repo], repo.name, vars(database), database._server, vars(database._circuit))

    @p.provenance(repo=repo)
    def double(x):
        return 2 * x

    assert double(4) == 8
    database.upgrade()
    for statement in ("nonsense", "SELECT 1/0"):
        try:
            database.fetch_all(statement)
        except p.RepoUnavailableError:
            traceback.print_exc(file=sys.stdout)
    raise KeyError("used", repo, double)

for url, action in json.loads(sys.argv[1]):
    print("== next")
    try:
        use(url, action)
    except Exception:
        traceback.print_exc(file=sys.stdout)
use(url, action)
"""


def outputs(cases, **environment):
    """What a process prints that logs everything and shows what it has, for each way of connecting."""
    base = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    done = subprocess.run(
        [sys.executable, "-c", PROCESS, json.dumps([(url, action) for url, action, _ in cases])],
        env={**base, "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 1  # it died from the last case
    parts = done.stdout.split("== next\n")[1:]
    assert len(parts) == len(cases)
    return parts


def test_passwords_are_in_no_output(tls, tmp_path):
    place = f"{HOST}:{tls}/team"
    file = tmp_path / "passwords"
    escaped = SECRET.replace(":", "\\:")
    file.write_text(f"{HOST}:{tls}:team:locked:{escaped}\n")
    file.chmod(0o600)
    wrong = "hush%20wrong"
    given = [
        (f"postgresql://locked:{QUOTED}@{place}", "in_url", "KeyError: ('used'"),
        (f"postgresql+psycopg://locked:{QUOTED}@{place}?sslmode=require", "configured", "KeyError: ('used'"),
        (f"postgresql://locked@{place}?password={QUOTED}", "in_query", "KeyError: ('used'"),
        (f"postgresql://{place}?user=locked&password={QUOTED}", "as_option", "KeyError: ('used'"),
        (f"postgresql://locked@{place}?passfile={file}", "in_named_file", "KeyError: ('used'"),
        (f"postgresql://locked:{wrong}@{place}", "wrong", "check the user and the password"),
        (f"postgresql://locked@{place}?password={wrong}", "wrong", "check the user and the password"),
        (f"postgresql://locked:{wrong}@{place}", "configured", "artifact_repos.team: the database"),
        (f"postgresql://locked@{place}", "without", "no password supplied"),
        (f"postgresql://locked:{QUOTED}@{HOST}:1/team", "closed", "Connection refused"),
        (f"postgresql://locked:{QUOTED}@{place}?sslmode=nonsense", "bad", "sslmode"),
        (f"postgresql://locked:{QUOTED}@{place}?connect_timeout=nonsense", "bad", "connect_timeout"),
        (f"postgresql://locked:{QUOTED}@{place}?hush=1", "bad", "db is not a URL"),
        (f"mysql://locked:{QUOTED}@{place}", "configured", "a URL like postgresql://user@host/database"),
    ]
    plain = [(f"postgresql://locked@{place}", "from_outside", "KeyError: ('used'")]
    ran = [
        *zip(given, outputs(given), strict=True),
        *zip(plain, outputs(plain, PGPASSWORD=SECRET), strict=True),
        *zip(plain, outputs(plain, PGPASSFILE=str(file)), strict=True),
    ]
    for (_, _, told), output in ran:
        assert told in output
        assert "hush" not in output
        assert QUOTED[-20:] not in output
        assert SECRET[-8:] not in output


def test_passwords_are_in_no_warning_or_journal(tls, tmp_path, caplog):
    url = f"postgresql://locked:{QUOTED}@{HOST}:1/team"
    repo = SqlRepo(url, DiskStore(tmp_path / "blobs"), on_repo_error="compute", journal=tmp_path / "journal")

    @p.provenance(repo=repo)
    def double(x):
        return 2 * x

    with warnings.catch_warnings(record=True) as told, caplog.at_level(logging.DEBUG):
        warnings.simplefilter("always")
        assert double(2) == 4
    with pytest.raises(RepoUnreachableError) as raised:
        repo.get_by_id(an_id(1))
    [entry] = (tmp_path / "journal").rglob("*.entry")
    texts = [*(str(each.message) for each in told), caplog.text, repr(repo), repo.name]
    texts.append(entry.read_bytes().decode("latin-1"))
    texts += traceback.format_exception(raised.value)
    assert told
    assert "hush" not in "".join(texts)


# ---- what cannot be used


def test_what_is_wrong_is_said_with_a_remedy(postgres, tmp_path):
    store = DiskStore(tmp_path / "blobs")
    cases = [
        ("postgresql://no-such-host.invalid/db", {}, True, "no-such-host.invalid.*check the host in the URL"),
        (f"postgresql://{HOST}:1/db", {}, True, "check that the server runs, and the host and the port"),
        ("postgresql:///db?host=/nowhere", {}, True, "check that the server runs, and the host and the port"),
        (postgres.url("absent"), {"create_db": False}, False, "absent.*create_db: true makes a missing database"),
        (postgres.url(user="nobody_known"), {}, False, "check the user and the password"),
    ]
    for url, options, is_outage, remedy in cases:
        told = rf"^the database postgresql://.* cannot be used: .*{remedy}"
        with pytest.raises(RepoUnavailableError, match=told) as raised:
            SqlRepo(url, store, **options)
        assert isinstance(raised.value, RepoUnreachableError) == is_outage, told


@pytest.fixture
def reader(postgres, tmp_path):
    """A schema with a repo, and the URL of a role that may only read it."""
    repo = open_repo(postgres, tmp_path)
    repo.save(a_draft(1, 5))
    database = repo._rows._database
    schema = database.dialect.schema
    with psycopg.connect(postgres.url().replace("+psycopg", ""), autocommit=True) as admin:
        admin.execute(f"DROP ROLE IF EXISTS reader_{schema}")
        admin.execute(f"CREATE ROLE reader_{schema} LOGIN")
        admin.execute(f"GRANT USAGE ON SCHEMA {schema} TO reader_{schema}")
        admin.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO reader_{schema}")
        yield postgres.url(user=f"reader_{schema}"), schema
        admin.execute(f"DROP OWNED BY reader_{schema}")
        admin.execute(f"DROP ROLE reader_{schema}")


def test_a_role_without_rights_reads_and_is_told_what_it_lacks(reader, tmp_path):
    url, schema = reader
    repo = SqlRepo(url, DiskStore(tmp_path / "blobs"), schema=schema, journal=tmp_path / "journal")
    assert repo.get_value(an_id(1)) == 5
    for change in (lambda: repo.save(a_draft(2)), lambda: repo.delete(an_id(1))):
        with pytest.raises(RepoUnavailableError, match=r"permission denied.*; grant the user") as raised:
            change()
        assert not isinstance(raised.value, RepoUnreachableError)

    @p.provenance(repo=repo)
    def double(x):
        return 2 * x

    with pytest.warns(p.UnrecordedResultWarning, match="permission denied"):
        assert type(double(2)) is int
    assert not (tmp_path / "journal").exists()  # it would fill, and never be emptied


def test_a_database_may_be_closed_for_a_while(postgres, tmp_path):
    repo = SqlRepo(postgres.url("closed_later"), DiskStore(tmp_path / "blobs"))
    repo.save(a_draft(1))
    with psycopg.connect(postgres.url("postgres").replace("+psycopg", ""), autocommit=True) as admin:
        admin.execute("ALTER DATABASE closed_later ALLOW_CONNECTIONS false")
        terminate_others(postgres, "closed_later")
        with pytest.raises(RepoUnreachableError, match="is not currently accepting connections"):
            repo.find_records([an_id(2)])
        admin.execute("ALTER DATABASE closed_later ALLOW_CONNECTIONS true")
    assert repo.find_records([an_id(2)]) == {}
