"""Connections to PostgreSQL that are lost in the middle of something, and servers that are down."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from provenance.artifacts.sets import ArtifactSet
from provenance.blobstores import DiskStore
from provenance.errors import RepoUnavailableError, RepoUnreachableError
from provenance.repos.rows import Entry
from provenance.repos.sql import SqlRepo
from provenance.repos.sql.postgres import database as postgres_database
from provenance.repos.sql.postgres.circuit import Circuit
from provenance.testing.drafts import LARGE, a_draft, a_recipe, an_id, edge_to
from tests.repos.test_postgres import count, open_repo, terminate_others
from tests.servers.postgres import postgres_server


@pytest.fixture
def own_server():
    """A server that a test may stop."""
    with postgres_server() as server:
        yield server


def a_full_draft(seed, **changes):
    return a_draft(seed, LARGE + str(seed), edges=(edge_to(seed + 1),), recipe=a_recipe(seed), **changes)


def written_by(line, act):
    """How many bytes the client sends for something."""
    before = line.seen
    act()
    return line.seen - before


WRITES = {
    "save": lambda repo, seed: repo.save(a_full_draft(seed)),
    "add_recipes": lambda repo, seed: repo.add_recipes({a_recipe((seed, "more")): an_id(0)}),
    "save_set": lambda repo, seed: repo.put_set(ArtifactSet([an_id(0)], f"label {seed}")),
    "delete": lambda repo, seed: repo.delete(an_id((seed, "victim"))),
    "delete_set": lambda repo, seed: repo.delete_set(ArtifactSet([an_id(("set", seed))]).id),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
def test_a_write_is_repeated_wherever_its_connection_is_cut(line, tmp_path, write):
    """After every 37th byte of what is sent: in the middle of messages, between them, and in the COMMIT."""
    repo = open_repo(line, tmp_path)
    repo.save(a_full_draft(0))
    for seed in range(1, 60):
        repo._rows.insert(Entry(a_draft((seed, "victim")).record, None, None))
        if write is WRITES["delete_set"]:
            repo.save_set(ArtifactSet([an_id(("set", seed))]).to_record())
    for warm in (1, 2, 3):  # until statements are prepared
        write(repo, warm)
    # A goodbye of 5 bytes on an earlier connection may be in it.
    length = min(written_by(line, lambda seed=seed: write(repo, seed)) for seed in (4, 5))
    positions = range(1, length - 5, max(37, length // 50))
    for seed, position in enumerate(positions, 6):
        line.cut_after(position)
        write(repo, seed)
        assert line.cuts == seed - 5, f"not cut after {position} of {length} bytes"
    last = 5 + len(positions)
    if write is WRITES["save"]:
        assert count(repo, "artifacts") == last + 60
        assert count(repo, "artifact_inputs") == last + 1
        records = repo._rows.records([an_id(seed) for seed in range(last + 1)])
        assert {repo.load_value(record) for record in records.values()} == {LARGE + str(s) for s in range(last + 1)}
    elif write is WRITES["add_recipes"]:
        assert count(repo, "recipes") == last + 1
    elif write is WRITES["save_set"]:
        assert all(repo.get_set_by_labels(f"label {seed}") for seed in range(1, last + 1))
    elif write is WRITES["delete"]:
        assert not repo._rows.records([an_id((seed, "victim")) for seed in range(1, last + 1)])
    else:
        assert count(repo, "artifact_sets") == 59 - last


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
def test_a_write_whose_commit_is_not_answered_is_repeated_and_done_once(line, tmp_path, write):
    repo = open_repo(line, tmp_path)
    repo.save(a_full_draft(0))
    repo._rows.insert(Entry(a_draft((1, "victim")).record, None, None))
    repo.save_set(ArtifactSet([an_id(("set", 1))]).to_record())
    line.drop_answer_to(b"COMMIT")
    before = {table: count(repo, table) for table in ("artifacts", "artifact_inputs", "recipes", "artifact_sets")}
    write(repo, 1)
    assert line.cuts == 1
    after = {table: count(repo, table) for table in before}
    expected = {
        "save": {"artifacts": 1, "artifact_inputs": 1, "recipes": 1, "artifact_sets": 0},
        "add_recipes": {"artifacts": 0, "artifact_inputs": 0, "recipes": 1, "artifact_sets": 0},
        "save_set": {"artifacts": 0, "artifact_inputs": 0, "recipes": 0, "artifact_sets": 1},
        "delete": {"artifacts": -1, "artifact_inputs": 0, "recipes": 0, "artifact_sets": 0},
        "delete_set": {"artifacts": 0, "artifact_inputs": 0, "recipes": 0, "artifact_sets": -1},
    }
    [name] = [name for name, each in WRITES.items() if each is write]
    assert {table: after[table] - before[table] for table in before} == expected[name]


def test_bytes_that_are_replaced_are_replaced_once(line, tmp_path):
    repo = open_repo(line, tmp_path)
    old = repo.save(a_full_draft(1))
    repo.store.delete(old.value_blob.key)
    line.drop_answer_to(b"COMMIT")
    new = repo.save(a_draft(1, LARGE + "other"))
    assert line.cuts == 1
    assert repo.load_value(new) == LARGE + "other"
    assert repo._rows.records([an_id(1)]) == {an_id(1): new}


def test_a_reading_is_repeated_when_its_answer_is_lost(line, tmp_path):
    repo = open_repo(line, tmp_path)
    record = repo.save(a_full_draft(1))
    for read in (
        lambda: repo._rows.records([an_id(1)]) == {an_id(1): record},
        lambda: list(repo.find_recipes([a_recipe(1)])) == [a_recipe(1)],
    ):
        line.drop_answer_to(b"SELECT" if not line.cuts else b"")
        assert read()
    assert line.cuts == 2


def test_a_transaction_whose_connection_is_ended_is_repeated(postgres, tmp_path, monkeypatch):
    repo = open_repo(postgres, tmp_path)
    ended = []

    def restore(draft, key):
        if not ended:
            ended.append(terminate_others(postgres, "provenance_tests"))

    monkeypatch.setattr(repo, "_restore", restore)
    monkeypatch.setattr(repo._rows, "sweeps", -1)
    record = repo.save(a_full_draft(1))
    assert ended
    assert repo.load_value(record) == LARGE + "1"
    assert count(repo, "artifacts") == 1


def test_a_write_is_not_repeated_without_end(postgres, tmp_path, monkeypatch):
    monkeypatch.setattr(postgres_database, "_PAUSES", (0.0, 0.0))
    repo = open_repo(postgres, tmp_path)
    ended = []

    def restore(draft, key):
        ended.append(terminate_others(postgres, "provenance_tests"))

    monkeypatch.setattr(repo, "_restore", restore)
    monkeypatch.setattr(repo._rows, "sweeps", -1)
    with pytest.raises(RepoUnreachableError, match="check that the server runs"):
        repo.save(a_full_draft(1))
    assert len(ended) == 3
    assert count(repo, "artifacts") == 0


def test_what_is_wrong_with_a_statement_is_not_tried_again(postgres, tmp_path):
    database = open_repo(postgres, tmp_path)._rows._database
    calls = []

    def act():
        calls.append(1)
        database.fetch_all("nonsense")

    with pytest.raises(RepoUnavailableError) as raised:
        database.repeated(act)
    assert calls == [1]
    assert not isinstance(raised.value, RepoUnreachableError)


def test_calls_go_on_when_the_server_is_started_again(own_server, tmp_path, monkeypatch):
    """Several threads store and look up while the server is killed and started, three times."""
    monkeypatch.setattr(postgres_database, "_PAUSES", (0.0, *[0.1] * 200))  # however slow the machine is
    repo = open_repo(own_server, tmp_path)
    stop = threading.Event()
    stored = []

    def work(number):
        mine = []
        while not stop.is_set():
            seed = (number, len(mine))
            record = repo.save(a_draft(seed, seed))
            assert repo._rows.records([record.id])
            mine.append(seed)
        return mine

    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(work, number) for number in range(4)]
        try:
            for _ in range(3):
                own_server.stop()
                own_server.start()
                repo._rows.records([an_id("reached again")])
        finally:
            stop.set()
        for each in running:
            stored += each.result()
    assert len(stored) >= 4
    found = repo._rows.records([an_id(seed) for seed in stored])
    assert {repo.load_value(record) for record in found.values()} == set(stored)
    assert count(repo, "artifacts") == len(stored)


# ---- not waiting for what does not answer


def test_a_server_that_does_not_answer_is_left_alone_for_a_while(monkeypatch):
    from provenance._util import patience
    from provenance.repos.sql.postgres import circuit as postgres_circuit

    now = [100.0]
    for module in (patience, postgres_circuit):
        monkeypatch.setattr(module, "monotonic", lambda: now[0])
    attempts = []
    outcome = [psycopg.OperationalError("connection timeout expired")]
    seconds = [2.0]

    def connect():
        attempts.append(now[0])
        now[0] += seconds[0]
        if outcome[0] is not None:
            raise outcome[0]
        return "connection"

    circuit = Circuit(connect)
    for moment in (100.0, 103.0, 121.9, 122.1):
        now[0] = max(now[0], moment)
        with pytest.raises(psycopg.OperationalError, match="timeout expired"):
            circuit.connect()
    assert attempts == [100.0, 122.1]  # ten times as long as the attempt took
    now[0], seconds[0] = 200.0, 20.0
    with pytest.raises(psycopg.OperationalError):
        circuit.connect()
    now[0], seconds[0] = 220.0 + 30.1, 0.1  # never longer than half a minute
    with pytest.raises(psycopg.OperationalError):
        circuit.connect()
    with pytest.raises(psycopg.OperationalError):
        circuit.connect()  # what is refused at once is asked again at once
    assert len(attempts) == 5
    outcome[0] = None
    circuit.is_down = True
    assert circuit.connect() == "connection"
    assert not circuit.is_down
    outcome[0], seconds[0] = psycopg.OperationalError("FATAL:  password authentication failed"), 5.0
    for _ in range(2):
        with pytest.raises(psycopg.OperationalError):
            circuit.connect()
    assert len(attempts) == 8  # it answers


def test_an_attempt_ends(tmp_path):
    """Somebody listens and says nothing."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(RepoUnreachableError, match=r"timeout expired; check that the server runs"):
            SqlRepo(f"postgresql://127.0.0.1:{port}/db?connect_timeout=2", DiskStore(tmp_path), create_db=False)


def test_only_the_first_call_of_an_outage_waits_for_its_end(own_server, tmp_path, monkeypatch):
    repo = open_repo(own_server, tmp_path)
    slept = []
    monkeypatch.setattr(postgres_database.time, "sleep", slept.append)
    own_server.stop()
    for _ in range(3):
        with pytest.raises(RepoUnreachableError):
            repo.find_records([an_id(1)])
    assert slept == list(postgres_database._PAUSES)
    own_server.start()
    assert repo.find_records([an_id(1)]) == {}
    own_server.stop()
    with pytest.raises(RepoUnreachableError):
        repo.save(a_draft(1))
    assert slept == [*postgres_database._PAUSES] * 2
    own_server.start()
