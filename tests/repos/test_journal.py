"""While a repo is out of reach calls go on, and what they computed is stored when it is back."""

from __future__ import annotations

import json
import multiprocessing
import os
import pickle
import shutil
import signal
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import pytest

import provenance as p
from provenance.blobstores import DiskStore
from provenance.errors import (
    ConfigError,
    ImpureFunctionError,
    RepoOutageWarning,
    RepoUnreachableError,
    SerializationError,
    StorageError,
    StoreUnavailableError,
    UnrecordedResultWarning,
)
from provenance.hashing import hash_file
from provenance.repos.journal.backlog import Replayed, journal_place
from provenance.repos.journal.folder import JournalFolder
from provenance.repos.sql import SqlRepo
from provenance.repos.sql.postgres import database as postgres_database
from provenance.testing.drafts import LARGE, WEIRD, a_draft, a_recipe, an_id, as_written, edge_to
from provenance.types import JobUse
from tests.repos.test_postgres import count, open_repo
from tests.repos.together import run_together
from tests.servers.postgres import postgres_server

DOWN = RepoUnreachableError("down")


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(postgres_database, "_PAUSES", (0.0,))


@pytest.fixture
def journal(tmp_path):
    """The folder of all journals."""
    return tmp_path / "journal"


@pytest.fixture
def repo(line, tmp_path, journal):
    with p.using_repo(open_repo(line, tmp_path, on_repo_error="compute", journal=journal)) as repo:
        yield repo


@pytest.fixture
def raising(line, tmp_path, journal):
    with p.using_repo(open_repo(line, tmp_path, journal=journal)) as repo:
        yield repo


def entries(journal):
    return sorted(journal.rglob("*.entry"))


def reopened(line, tmp_path, journal):
    """The repo as another process would see it."""
    return open_repo(line, tmp_path, journal=journal, create_db=False)


def outages(told):
    """Warnings of outages: others, as of sockets that a test before left to the garbage collector, come at any time."""
    return [each for each in told if each.category is RepoOutageWarning]


class Calls(list):
    """A decorated function that counts."""

    def of(self, fn, **options):
        def counted(x):
            self.append(x)
            return fn(x)

        return p.provenance(name="counted", **options)(counted)


# ---- a database that is down before a call


def test_by_default_nothing_is_computed_in_vain(line, raising):
    calls = Calls()
    double = calls.of(lambda x: 2 * x)
    line.down = True
    with pytest.raises(RepoUnreachableError, match=r"the database postgresql://127.0.0.1.*check that the server runs"):
        double(2)
    assert calls == []
    line.down = False
    assert double(2) == 4


def test_with_compute_calls_go_on(line, repo, tmp_path, journal):
    calls = Calls()
    double, join = calls.of(lambda x: 2 * x), p.provenance()(lambda a, b: [a, b])
    stored = double(LARGE)
    line.down = True
    with pytest.warns(
        RepoOutageWarning, match=r"repo 'postgres' is out of reach, so what is called is computed"
    ) as told:
        two, large = double(1), double("y" * 40_000)
        joined = join(two, stored)
        again = double(1), double("y" * 40_000)
    (outage,) = outages(told)
    assert outage.filename == __file__
    assert calls == [LARGE, 1, "y" * 40_000]  # neither twice
    assert [two, large, *again] == [2, "y" * 80_000] * 2
    assert joined == [2, LARGE * 2]
    assert len(entries(journal)) == 3
    assert not two.artifact.is_stored
    with pytest.raises(RepoUnreachableError):
        repo.get_by_id(an_id("unknown"))  # which nobody can tell

    line.down = False
    assert double(3) == 6  # the next use
    assert entries(journal) == []
    assert two.artifact.is_stored
    other = reopened(line, tmp_path, journal)
    assert [other.get_value(each) for each in (two, large)] == [2, "y" * 80_000]
    assert {each.id for each in p.dependencies(other.get_by_id(joined))} == {
        each.artifact.id for each in (joined, two, stored)
    }
    assert count(other, "artifacts") == 5


def test_each_outage_is_told_once(line, repo):
    double = Calls().of(lambda x: 2 * x)
    for start in (0, 10):
        line.down = True
        with pytest.warns(RepoOutageWarning) as told:
            for x in range(start, start + 3):
                assert double(x) == 2 * x
        assert len(outages(told)) == 1
        line.down = False
        assert double(start + 5) == 2 * (start + 5)


def test_in_read_only_mode_nothing_is_kept(line, repo, journal):
    double = Calls().of(lambda x: 2 * x, read_only=True)
    for _ in range(2):
        line.down = True
        with pytest.warns(RepoOutageWarning) as told:
            assert double(1) == 2
            assert double(1) == 2
        assert len(outages(told)) == 1
        line.down = False
        double(1)
    assert entries(journal) == []


def test_a_process_may_start_during_an_outage(line, tmp_path, journal):
    double = Calls().of(lambda x: 2 * x)
    line.down = True
    with pytest.raises(RepoUnreachableError):
        open_repo(line, tmp_path, journal=journal)
    with p.using_repo(open_repo(line, tmp_path, on_repo_error="compute", journal=journal)) as repo:
        with pytest.warns(RepoOutageWarning):
            results = [double(1), double("x" * 40_000)]
        line.down = False
        assert double(1) == 2
    assert all(result.artifact.is_stored for result in results)
    assert count(reopened(line, tmp_path, journal), "artifacts") == 2
    assert repo.name == "postgres"


# ---- a database that goes down while something is computed


@pytest.mark.parametrize("mode", ["raise", "compute"])
def test_a_computed_value_is_returned_and_stored_later(line, tmp_path, journal, mode):
    repo = open_repo(line, tmp_path, journal=journal, on_repo_error=mode)

    @p.provenance(repo=repo)
    def lasting(x):
        line.down = True
        return [x] * 10_000

    with pytest.warns(RepoOutageWarning, match=f"results wait in the journal {journal}.* until they can be stored"):
        result = lasting(1.5)
    assert p.is_proxy(result)
    assert result == [1.5] * 10_000
    assert result.artifact.record.journaled
    assert type(pickle.loads(pickle.dumps(result))) is list  # who gets it may not be able to look it up
    line.down = False
    assert result.artifact.is_stored
    assert not result.artifact.record.journaled
    with p.using_repo(reopened(line, tmp_path, journal)):
        restored = pickle.loads(pickle.dumps(result))
        assert p.is_proxy(restored)
        assert restored == [1.5] * 10_000
    assert entries(journal) == []


def test_members_of_a_composite_stay_artifacts(line, repo, tmp_path, journal):
    @p.provenance(returns_composite=True)
    def both(x):
        return {"a": [x], "b": x + 1}

    line.down = True
    with pytest.warns(RepoOutageWarning):
        result = both(1)
        inner = p.provenance()(lambda part: [*part, 5])(result["a"])
    assert len(entries(journal)) == 4
    line.down = False
    assert repo.replay_journal() == Replayed(stored=4)
    other = reopened(line, tmp_path, journal)
    loaded = other.get_by_id(result).value
    assert {name: p.is_proxy(member) for name, member in loaded.items()} == {"a": True, "b": True}
    assert other.get_by_id(inner).input_artifact_ids == (loaded["a"].artifact_id,)
    assert p.is_proxy(other.get_inputs(inner)["kargs"]["part"])


def test_what_a_changed_input_led_to_is_not_kept(line, repo, journal):
    @p.provenance()
    def size(numbers):
        return len(numbers)

    @p.provenance()
    def impure(numbers):
        numbers.append(1)
        return size(numbers)

    numbers = p.provenance()(lambda n: list(range(n)))(3)
    line.down = True
    with pytest.warns(RepoOutageWarning), pytest.raises(ImpureFunctionError):
        impure(numbers)
    assert entries(journal) == []


def test_a_capture_counts_what_waits(line, repo):
    double = Calls().of(lambda x: 2 * x)
    with p.capture_set("job") as captured:
        line.down = True
        with pytest.warns(RepoOutageWarning):
            result = double(1)
        line.down = False
    assert captured[0].artifact_ids == {result.artifact.id}
    assert repo.get_set_by_labels("job").artifact_ids == {result.artifact.id}


@pytest.mark.parametrize("begins", ["before", "during"])
def test_a_job_has_what_waits(line, repo, journal, begins):
    double = Calls().of(lambda x: 2 * x)
    double(1)
    line.down = begins == "during"
    with pytest.warns(RepoOutageWarning), p.job("outage") as job:
        line.down = True
        waits = double(2)
        line.down = False
        double(1)
    assert entries(journal) == []
    assert {key: used_as for key, (used_as, _) in repo.job_uses(job.id).items()} == {
        waits.artifact.id: "computed",
        double(1).artifact.id: "hit",
    }
    (row,) = p.jobs()
    assert (row.id, row.computed, row.hits) == (job.id, 1, 1)
    assert row.end is not None


def test_a_job_during_an_outage_needs_leave_to_go_on(line, raising):
    line.down = True
    with pytest.raises(RepoUnreachableError), p.job():
        pass


def test_a_job_that_ends_during_an_outage_says_so(line, repo, caplog):
    with pytest.warns(RepoOutageWarning), p.job("outage") as job:
        line.down = True
        Calls().of(lambda x: 2 * x)(1)
    assert job.id in caplog.text
    line.down = False
    assert p.jobs().first().end is None


# ---- keeping and replaying


def a_rich_draft(seed, value=LARGE, **changes):
    return a_draft(
        seed, value, edges=(edge_to(1), edge_to(2, "call")), recipe=a_recipe(seed), custom_fields={"a": [1.5, WEIRD]},
        name=WEIRD, version="v", inputs_json={"x": WEIRD}, load_kwargs={"mmap_mode": None}, code_id="code", **changes,
    )  # fmt: skip


@pytest.fixture
def sqlite(tmp_path, journal):
    return SqlRepo(tmp_path / "repo.db", DiskStore(tmp_path / "blobs"), name="sqlite", journal=journal)


@pytest.fixture
def silent():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RepoOutageWarning)
        yield


@pytest.mark.usefixtures("silent")
@pytest.mark.parametrize("value", [5, LARGE])
def test_what_is_replayed_is_what_would_have_been_stored(sqlite, tmp_path, journal, value):
    given = sqlite.spool(a_rich_draft(1, value), DOWN)
    assert given.journaled
    direct = SqlRepo(tmp_path / "direct.db", DiskStore(tmp_path / "direct")).save(a_rich_draft(1, value))
    assert as_written(given) == as_written(direct)._replace(journaled=True)
    assert sqlite.replay_journal() == Replayed(stored=1)
    other = SqlRepo(tmp_path / "repo.db", DiskStore(tmp_path / "blobs"), journal=journal)
    found = other.find_records([an_id(1)])[an_id(1)]
    assert as_written(found) == as_written(direct)
    assert other.load_value(found) == value
    assert other.load_inputs(found) == {"kargs": {"seed": "1"}, "varargs": ()}
    assert other.find_run(found.run_id) == a_draft(1).run
    assert list(other.find_recipes([a_recipe(1)])) == [a_recipe(1)]
    assert sqlite.replay_journal() == Replayed()


@pytest.mark.usefixtures("silent")
def test_the_job_that_something_was_computed_for_is_noted_when_it_is_replayed(sqlite):
    sqlite.spool(replace(a_draft(1), job=JobUse("j", "nested")), DOWN)
    sqlite.add_job_uses("j", {an_id(1): ("hit", "client")})
    assert sqlite.replay_journal() == Replayed(stored=1)
    assert sqlite.job_uses("j") == {an_id(1): ("nested", a_draft(1).run.id)}


class Unreachable(DiskStore):
    """A store that can be out of reach."""

    down = False

    def _put(self, payload, extension):
        if self.down:
            raise StoreUnavailableError("out of reach")
        return super()._put(payload, extension)


@pytest.mark.usefixtures("silent")
def test_bytes_are_kept_where_the_store_is_out_of_reach_too(tmp_path, journal):
    store = Unreachable(tmp_path / "blobs")
    repo = SqlRepo(tmp_path / "repo.db", store, journal=journal)
    file = tmp_path / "file.csv"
    file.write_bytes(b"1,2\n" * 3)
    store.down = True

    with p.using_repo(repo):
        large = p.provenance()(lambda x: [x] * 100_000)(1.5)
        archiving = p.provenance(archive_file=True, preserve_file_ext=True, delete_original_file=True)
        archived = archiving(lambda: str(file))()
        assert archived.path == file
    drafts = [a_rich_draft(1), replace(a_draft(2, 5), inputs=a_draft(2, LARGE).value)]
    for draft in drafts:
        with pytest.raises(StoreUnavailableError):
            repo.save(draft)
        repo.spool(draft, StoreUnavailableError("out of reach"))
    assert repo.replay_journal() == Replayed(waiting=4)
    file.unlink()
    store.down = False
    assert repo.replay_journal() == Replayed(stored=4)
    assert entries(journal) == []
    other = SqlRepo(tmp_path / "repo.db", DiskStore(tmp_path / "blobs"), journal=journal)
    assert other.get_value(large) == [1.5] * 100_000
    assert Path(other.get_value(archived)).read_bytes() == b"1,2\n" * 3
    assert other.get_by_id(archived).record.value_blob.key.endswith(".csv")  # never in the row
    assert other.get_value(an_id(1)) == LARGE
    assert other.get_value(an_id(2)) == 5
    assert other.get_by_id(an_id(2)).record.value_inline is not None


class Unloadable:
    """Pickles, and may not be unpickled."""

    def __reduce__(self):
        return _refuse, ()


def _refuse():
    raise AssertionError("unpickled")


@pytest.mark.usefixtures("silent")
def test_nothing_is_unpickled(sqlite):
    sqlite.spool(a_draft(1), DOWN)
    draft = a_draft(2)
    draft = replace(draft, value=draft.value._replace(pieces=[pickle.dumps(Unloadable())]))
    sqlite.spool(draft, DOWN)
    assert sqlite.replay_journal() == Replayed(stored=2)
    assert an_id(2) in sqlite


@pytest.mark.usefixtures("silent")
def test_an_entry_that_is_replayed_twice_is_stored_once(sqlite, journal, tmp_path):
    """As if the process had been killed between the commit and the removal of the entry."""
    for seed in range(3):
        sqlite.spool(a_rich_draft(seed), DOWN)
    shutil.copytree(journal, tmp_path / "copy")
    assert sqlite.replay_journal() == Replayed(stored=3)
    counts = [count(sqlite, table) for table in ("artifacts", "artifact_inputs", "recipes", "runs", "blobs")]
    shutil.rmtree(journal)
    shutil.copytree(tmp_path / "copy", journal)
    assert sqlite.replay_journal() == Replayed(stored=3)
    assert [count(sqlite, table) for table in ("artifacts", "artifact_inputs", "recipes", "runs", "blobs")] == counts
    assert entries(journal) == []


@pytest.mark.usefixtures("silent")
def test_damaged_entries_are_set_aside_and_the_others_stored(sqlite, journal, caplog):
    for seed in range(6):
        sqlite.spool(a_rich_draft(seed, LARGE + str(seed)), DOWN)
    first, second, third, fourth, fifth, _ = entries(journal)
    for path in (first, second):
        path.chmod(0o600)
    first.write_bytes(first.read_bytes()[:-9])
    content = bytearray(second.read_bytes())
    content[10] ^= 1
    second.write_bytes(content)
    for path, text in ((third, b"nothing"), (fourth, json.dumps({"format": 99}).encode())):
        path.unlink()
        path.write_bytes(text + len(text).to_bytes(8, "big"))
        path.rename(path.with_name(f"{path.name[:21]}{hash_file(path)}.entry"))
    sqlite.store.delete(JournalFolder(fifth.parent).read(fifth).record.value_blob.key)
    assert sqlite.replay_journal() == Replayed(stored=1, waiting=1, set_aside=4)
    assert list(sqlite._rows.records([an_id(seed) for seed in range(6)])) == [an_id(5)]
    assert len(list(journal.rglob("damaged/*.entry"))) == 4
    assert entries(journal / next(journal.iterdir()) / "entries") == [*journal.rglob("entries/*")]  # a later version's
    assert "its bytes no longer have the digest in its name" in caplog.text
    assert "it cannot be read" in caplog.text
    assert "cannot be stored: blob" in caplog.text


def test_what_is_no_outage_is_not_kept(sqlite, journal):
    for error in (StorageError("refused"), p.RepoUnavailableError("no permission")):
        with pytest.raises(type(error), match=str(error)):
            sqlite.spool(a_draft(1), error)
    with pytest.raises(SerializationError):
        sqlite.spool(a_draft(1, custom_fields={"a": {1}}), DOWN)
    assert entries(journal) == []


@pytest.mark.usefixtures("silent")
def test_what_is_deleted_waits_no_longer(sqlite, journal):
    sqlite.spool(a_draft(1), DOWN)
    sqlite.spool(a_draft(2), DOWN)
    sqlite.delete(an_id(1))
    assert len(entries(journal)) == 1
    assert an_id(1) not in sqlite
    assert an_id(2) in sqlite


@pytest.mark.usefixtures("silent")
def test_a_repo_that_may_not_be_read_stores_what_waits(tmp_path, journal):
    repo = SqlRepo(tmp_path / "repo.db", DiskStore(tmp_path / "blobs"), journal=journal, read=False)
    repo.spool(a_draft(1), DOWN)
    assert repo.find_records([an_id(1)]) == {}
    repo.save(a_draft(2))
    assert count(repo, "artifacts") == 2


def test_where_there_is_no_room_for_the_journal_the_plain_value_is_returned(line, tmp_path, caplog):
    (tmp_path / "file").write_text("no folder")
    repo = open_repo(line, tmp_path, journal=tmp_path / "file", on_repo_error="compute")

    @p.provenance(repo=repo)
    def lasting(x):
        line.down = True
        return x

    with pytest.warns(UnrecordedResultWarning, match="was not recorded: the database"):
        result = lasting(1)
    assert type(result) is int
    assert f"the journal {tmp_path / 'file'}" in caplog.text
    assert "configure another place with journal" in caplog.text


# ---- processes


@pytest.mark.usefixtures("silent")
def test_the_next_process_stores_what_the_last_one_left(sqlite, tmp_path, journal):
    sqlite.spool(a_draft(1, 5), DOWN)
    other = SqlRepo(tmp_path / "repo.db", DiskStore(tmp_path / "blobs"), name="other", journal=journal)
    assert other.find_records([an_id(9)]) == {}
    assert entries(journal) == []
    assert other.get_value(an_id(1)) == 5
    assert sqlite.get_value(an_id(1)) == 5
    assert sqlite.find_records([an_id(1)])[an_id(1)].sequence is not None


PROCESS = """
import os, sys, warnings
from pathlib import Path
from provenance.blobstores import DiskStore
from provenance.errors import RepoUnreachableError
from provenance.repos.sql import SqlRepo
from provenance.testing.drafts import LARGE, a_draft

warnings.simplefilter("ignore")
place = Path(sys.argv[1])
repo = SqlRepo(place / "repo.db", DiskStore(place / "blobs"), journal=place / "journal")
sys.stdin.readline()
for step in range(25):
    repo.spool(a_draft((step % 5 and os.getpid(), step), LARGE + str(step)), RepoUnreachableError("down"))
while repo.replay_journal().waiting:
    pass
"""


def test_processes_keep_and_replay_at_once(sqlite, tmp_path, journal):
    run_together([[sys.executable, "-c", PROCESS, tmp_path]] * 4, timeout=100)
    assert entries(journal) == []
    assert count(sqlite, "artifacts") == 5 + 4 * 20


def killed_at(function, *, after, act):
    """Run something in a child that is killed before or after its first call of a function of the system."""

    def child():
        real = getattr(os, function)

        def deadly(*args, **kwargs):
            if after:
                real(*args, **kwargs)
            os.kill(os.getpid(), signal.SIGKILL)

        setattr(os, function, deadly)
        act()

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join()
    return process.exitcode == -signal.SIGKILL


KILLS = [(function, after) for function in ("write", "fsync", "link", "unlink") for after in (False, True)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.usefixtures("silent")
@pytest.mark.parametrize(("function", "after"), KILLS)
def test_a_process_may_be_killed_while_it_keeps_something(sqlite, journal, function, after):
    assert killed_at(function, after=after, act=lambda: sqlite.spool(a_draft("killed", 5), DOWN))
    kept = (function, after) in {("link", True), ("unlink", False), ("unlink", True)}
    assert sqlite.replay_journal() == Replayed(stored=int(kept))
    assert (an_id("killed") in sqlite) == kept


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.usefixtures("silent")
@pytest.mark.parametrize("after", [False, True])
def test_a_process_may_be_killed_while_it_replays(sqlite, journal, after):
    """The row is committed before the entry is removed."""
    sqlite.spool(a_draft("killed", LARGE), DOWN)
    sqlite.spool(a_draft("other", LARGE), DOWN)
    assert killed_at("unlink", after=after, act=sqlite.replay_journal)
    assert count(sqlite, "artifacts") == 1
    assert sqlite.replay_journal() == Replayed(stored=1 if after else 2)
    assert count(sqlite, "artifacts") == 2
    assert entries(journal) == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.usefixtures("silent")
def test_a_forked_child_keeps_and_replays(sqlite, journal):
    sqlite.spool(a_draft(1), DOWN)
    with sqlite._backlog._folder.replaying() as is_free:
        assert is_free

        def child():
            sqlite.spool(a_draft(2), DOWN)
            assert sqlite.replay_journal() == Replayed(waiting=2)  # its parent does it

        process = multiprocessing.get_context("fork").Process(target=child)
        process.start()
        process.join()
        assert process.exitcode == 0
        with sqlite._backlog._folder.replaying() as again:
            assert not again
    assert sqlite.replay_journal() == Replayed(stored=2)


def test_a_server_that_is_killed_and_started_again(tmp_path, journal):
    calls = Calls()
    double = calls.of(lambda x: 2 * x)
    with postgres_server() as server:
        repo = open_repo(server, tmp_path, journal=journal, on_repo_error="compute")
        with p.using_repo(repo):
            double(0)
            server.stop()
            with pytest.warns(RepoOutageWarning):
                results = [double(x) for x in range(1, 5)]
            server.start()
            assert double(9) == 18
        assert count(repo, "artifacts") == 6
        assert all(result.artifact.is_stored for result in results)


# ---- configuration


def test_where_the_journal_is(tmp_path):
    home = {"PROVENANCE_HOME": "/home/p", "XDG_STATE_HOME": "/state"}
    assert journal_place("/given", home) == Path("/given")
    assert journal_place("~/given", home) == Path.home() / "given"
    assert journal_place(None, home) == Path("/home/p/journal")
    assert journal_place(None, {"XDG_STATE_HOME": "/state"}) == Path("/state/provenance/journal")
    assert journal_place(None, {}) == Path.home() / ".local/state/provenance/journal"


@pytest.mark.usefixtures("silent")
def test_a_configuration_says_what_happens(line, tmp_path):
    options = {"type": "postgres", "db": line.url(), "schema": "configured", "store": "files"}
    p.load_config(
        {
            "blobstores": {"files": {"type": "disk", "cachedir": "files"}},
            "artifact_repos": {
                "team": {**options, "on_repo_error": "compute", "journal": "waiting", "grace_seconds": 60},
                "own": {"type": "sqlite", "db": "own.db", "store": "files", "durable": True, "grace_seconds": 0.5},
                "both": {"type": "chained", "repos": ["own", "team"]},
            },
            "default_repo": "team",
        }
    )
    team, own = p.get_repo_by_name("team"), p.get_repo_by_name("own")
    assert (team._grace_seconds, own._grace_seconds, own._rows._database._synchronous) == (60.0, 0.5, "FULL")
    double = Calls().of(lambda x: 2 * x)
    line.down = True
    assert double(1) == 2
    assert len(entries(tmp_path / "waiting")) == 1
    assert p.replay_journal() == Replayed(waiting=1)
    line.down = False
    assert p.replay_journal("own") == Replayed()
    assert p.replay_journal("both") == Replayed(stored=1)
    assert p.replay_journal(team) == Replayed()
    with p.using_repo(p.from_config({"artifact_repos": {"scratch": {"type": "memory"}}})["default_repo"]) as scratch:
        assert p.replay_journal(scratch) == Replayed()


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("on_repo_error", "ignore", "one of raise, compute"),
        ("grace_seconds", -1, "a number of seconds"),
        ("grace_seconds", True, "a number of seconds"),
        ("grace_seconds", "soon", "a number of seconds"),
        ("durable", 1, "true or false"),
        ("journal", 5, "a path"),
    ],
)
def test_wrong_options_are_refused(key, value, expected):
    repos = {"own": {"type": "sqlite", "db": "own.db", "store": "files", key: value}}
    with pytest.raises(ConfigError, match=rf"artifact_repos\.own\.{key}.*{expected}"):
        p.from_config({"blobstores": {"files": {"type": "memory"}}, "artifact_repos": repos})


def test_seconds_may_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("GRACE", "2.5")
    repos = {"own": {"type": "sqlite", "db": "own.db", "store": "files", "grace_seconds": "${GRACE}"}}
    built = p.from_config({"blobstores": {"files": {"type": "memory"}}, "artifact_repos": repos})
    assert built["default_repo"]._grace_seconds == 2.5


def test_the_repo_itself_refuses_another_mode(tmp_path):
    with pytest.raises(ConfigError, match="on_repo_error of repo 'r' must be one of 'raise', 'compute', got 'ignore'"):
        SqlRepo(tmp_path / "repo.db", DiskStore(tmp_path), name="r", on_repo_error="ignore")
