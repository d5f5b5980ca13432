"""Equal calls that overlap are computed once: threads and coroutines of one process."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

import provenance as p
from provenance import engine
from provenance.blobstores import DiskStore
from provenance.engine import waiting
from provenance.engine.call import prepare
from provenance.engine.heartbeat import heartbeat
from provenance.repos.chained import ChainedRepo
from provenance.repos.memory import MemoryRepo
from provenance.repos.sql import SqlRepo
from provenance.testing.drafts import a_draft

SECONDS = 60


class Gate:
    """Where a body waits until the test lets it go on; and how many calls wait for it meanwhile."""

    def __init__(self):
        self.entered = threading.Semaphore(0)
        self.waiting = threading.Semaphore(0)
        self.opened = threading.Event()
        self.left = []

    def pass_through(self):
        self.entered.release()
        assert self.opened.wait(SECONDS)

    def lend(self):
        """Is called by each thread that is about to wait."""
        self.waiting.release()
        return lambda computes: self.left.append((threading.get_ident(), computes))


@pytest.fixture
def gate(monkeypatch):
    gate = Gate()
    monkeypatch.setattr(waiting, "_lend", gate.lend)
    return gate


@pytest.fixture(params=["memory", "sqlite", "chained"])
def repo(request, tmp_path):
    """Takes the place of the repo that all tests of the engine have."""
    makers = {
        "memory": lambda: MemoryRepo(name="memory"),
        "sqlite": lambda: SqlRepo(tmp_path / "repo.db", DiskStore(tmp_path / "blobs"), name="sqlite"),
    }
    makers["chained"] = lambda: ChainedRepo([makers["memory"](), makers["sqlite"]()])
    with p.using_repo(makers[request.param]()) as repo:
        yield repo
    repo.close()


@pytest.fixture
def pool():
    with ThreadPoolExecutor(8) as pool:
        yield pool


def start(pool, fn, *args):
    """Call a function in a thread, in the context of the test."""
    return pool.submit(contextvars.copy_context().run, lambda: p.unwrap(fn(*args)))


def passes(semaphore, times=1):
    for _ in range(times):
        assert semaphore.acquire(timeout=SECONDS)


def id_of(fn, **kargs):
    return prepare(engine.spec_of(fn), kargs, ()).id


def is_free(repo, artifact_id):
    """Whether nobody has the lease of an artifact; the test has it then."""
    return repo.leases.acquire(artifact_id, "test", SECONDS).lease is not None


def nothing_is_held():
    return not heartbeat._held and not engine.turns._flights.outcomes


def test_threads_wait_for_the_one_that_computes(repo, pool, gate, calls):
    @p.provenance()
    def slow(n):
        calls.append(n)
        gate.pass_through()
        return [n]

    first = start(pool, slow, 1)
    passes(gate.entered)
    others = [start(pool, slow, 1) for _ in range(5)]
    passes(gate.waiting, 5)
    gate.opened.set()
    assert [future.result(SECONDS) for future in (first, *others)] == [[1]] * 6
    assert calls == [1]
    assert [computes for _, computes in gate.left] == [False] * 5
    assert len(set(gate.left)) == 5
    assert nothing_is_held()


def test_threads_that_wait_do_not_ask_the_database(repo, pool, gate, calls, monkeypatch):
    @p.provenance()
    def slow(n):
        gate.pass_through()
        return [n]

    kept = repo.leases
    real = kept.acquire
    monkeypatch.setattr(kept, "acquire", lambda *args: calls.append(args) or real(*args))
    first = start(pool, slow, 1)
    passes(gate.entered)
    others = [start(pool, slow, 1) for _ in range(5)]
    passes(gate.waiting, 5)
    gate.opened.set()
    assert [future.result(SECONDS) for future in (first, *others)] == [[1]] * 6
    assert len(calls) == 1


def test_calls_with_other_inputs_do_not_wait(repo, pool, gate):
    @p.provenance()
    def slow(n):
        gate.pass_through()
        return n

    futures = [start(pool, slow, n) for n in range(3)]
    passes(gate.entered, 3)
    gate.opened.set()
    assert [future.result(SECONDS) for future in futures] == [0, 1, 2]


def test_when_a_body_raises_a_waiting_call_computes_at_once(repo, pool, gate, calls):
    @p.provenance()
    def flaky(n):
        calls.append(n)
        if len(calls) == 1:
            gate.pass_through()
            raise ValueError(n)
        return [n]

    first = start(pool, flaky, 1)
    passes(gate.entered)
    second = start(pool, flaky, 1)
    passes(gate.waiting)
    gate.opened.set()
    with pytest.raises(ValueError, match="1"):
        first.result(SECONDS)
    assert second.result(SECONDS) == [1]
    assert calls == [1, 1]
    assert [computes for _, computes in gate.left] == [True]
    assert nothing_is_held()


def test_a_call_that_raised_gives_its_lease_back(repo):
    @p.provenance()
    def failing():
        raise KeyError

    with pytest.raises(KeyError):
        failing()
    assert is_free(repo, id_of(failing))


def test_what_cannot_be_recorded_gives_its_lease_back(repo):
    @p.provenance()
    def lock():
        return threading.Lock()

    with pytest.warns(p.UnrecordedResultWarning):
        lock()
    assert is_free(repo, id_of(lock))


def test_what_is_stored_ends_the_lease(repo):
    @p.provenance()
    def one():
        return 1

    artifact = one().artifact
    repo.delete(artifact.id)
    assert is_free(repo, artifact.id)


def test_a_lease_that_ended_with_what_was_stored_is_not_given_back_again(repo, monkeypatch):
    @p.provenance()
    def one():
        return 1

    monkeypatch.setattr(repo.leases, "release", None)
    assert one() == 1
    assert nothing_is_held()


def test_a_composite_and_its_members_are_stored_under_one_lease(repo, monkeypatch):
    @p.provenance(returns_composite=True)
    def both(n):
        return {"a": n, "b": [n]}

    given = []
    real = type(repo).save
    monkeypatch.setattr(type(repo), "save", lambda self, draft: given.append(draft) or real(self, draft))
    artifact = both(1).artifact
    assert [draft.lease.artifact_id for draft in given if draft.record.name.startswith("both")][:3] == [artifact.id] * 3
    repo.delete(artifact.id)
    assert is_free(repo, artifact.id)


@pytest.mark.parametrize("options", [{"use_cache": False}, {"read_only": True}])
def test_calls_that_store_nothing_others_could_use_take_no_lease(repo, options, monkeypatch):
    @p.provenance(**options)
    def one():
        return 1

    monkeypatch.setattr(repo.leases, "acquire", None)
    assert one() == 1


def test_without_single_flight_every_call_computes(repo, pool, gate, calls):
    @p.provenance()
    def slow(n):
        calls.append(n)
        gate.pass_through()
        return [n]

    p.set_single_flight(False)
    futures = [start(pool, slow, 1) for _ in range(3)]
    passes(gate.entered, 3)
    gate.opened.set()
    assert [future.result(SECONDS) for future in futures] == [[1]] * 3
    assert calls == [1] * 3


def test_where_no_lease_can_be_had_every_call_computes(repo, pool, gate, monkeypatch):
    @p.provenance()
    def slow(n):
        gate.pass_through()
        return [n]

    def fail(*args):
        raise p.RepoUnreachableError("away")

    monkeypatch.setattr(repo.leases, "acquire", fail)
    futures = [start(pool, slow, 1) for _ in range(3)]
    passes(gate.entered, 3)
    gate.opened.set()
    assert [future.result(SECONDS) for future in futures] == [[1]] * 3
    assert nothing_is_held()


def test_a_function_that_calls_itself_with_equal_arguments_does_not_wait_for_itself(repo, calls):
    @p.provenance()
    def again(n):
        calls.append(n)
        return [n] if len(calls) == 2 else p.unwrap(again(n))

    assert again(1) == [1]
    assert calls == [1, 1]
    assert nothing_is_held()


def test_lost_bytes_are_computed_again(repo, calls):
    @p.provenance()
    def large():
        calls.append(1)
        return "x" * 100_000

    artifact = large().artifact
    members = getattr(repo, "repos", [repo])
    for member in members:
        member.store.delete(artifact.record.value_blob.key)
    assert large() == "x" * 100_000
    assert calls == [1, 1]
    assert all(member.store.get(artifact.record.value_blob.key) for member in members)


# ---- leases that were lost


@pytest.fixture
def no_heartbeat(monkeypatch):
    """Leases are over as soon as they are given."""
    p.set_lease_seconds(1e-6)
    monkeypatch.setattr(heartbeat, "keep", lambda *args: None)


def taken_over(repo, artifact_id):
    """The lease of an artifact, as another process takes it over."""
    while (claim := repo.leases.acquire(artifact_id, "other", SECONDS)).lease is None:
        assert claim.record is None
    return claim.lease


def store_as_other(repo, artifact_id, lease, value):
    draft = a_draft(1, value, id=artifact_id)
    return repo.save(replace(draft, lease=lease))


def test_a_late_call_returns_what_the_winner_has_stored(repo, no_heartbeat):
    @p.provenance()
    def slow(n):
        store_as_other(repo, id_of(slow, n=n), taken_over(repo, id_of(slow, n=n)), "winner")
        return "late"

    assert slow(1) == "winner"
    assert repo.get_by_id(id_of(slow, n=1)).value == "winner"
    assert nothing_is_held()


def test_a_late_call_waits_for_the_winner(repo, no_heartbeat, pool, gate):
    lost = []

    @p.provenance()
    def slow(n):
        lost.append(taken_over(repo, id_of(slow, n=n)))
        return "late"

    late = start(pool, slow, 1)
    passes(gate.waiting)
    assert repo.find_record(id_of(slow, n=1)) is None
    store_as_other(repo, id_of(slow, n=1), lost[0], "winner")
    assert late.result(SECONDS) == "winner"
    assert nothing_is_held()


def test_a_late_call_stores_what_it_computed_if_the_winner_gives_up(repo, no_heartbeat, pool, gate, calls):
    lost = []

    @p.provenance(returns_composite=True)
    def slow(n):
        calls.append(n)
        lost.append(taken_over(repo, id_of(slow, n=n)))
        return {"a": "late"}

    late = start(pool, slow, 1)
    passes(gate.waiting)
    repo.leases.release(lost[0])
    assert late.result(SECONDS) == {"a": "late"}
    assert calls == [1]
    assert repo.get_by_id(id_of(slow, n=1)).value == {"a": "late"}
    repo.delete(id_of(slow, n=1))
    assert is_free(repo, id_of(slow, n=1))


# ---- coroutines


def test_a_coroutine_waits_and_others_run_meanwhile(repo, calls):
    @p.provenance()
    async def slow(n):
        calls.append(n)
        entered.set()
        await opened.wait()
        return [n]

    async def main():
        first = asyncio.create_task(slow(1))
        await entered.wait()
        others = [asyncio.create_task(slow(1)) for _ in range(3)]
        await asyncio.sleep(0)  # they wait now, and this goes on
        opened.set()
        return [p.unwrap(each) for each in await asyncio.gather(first, *others)]

    entered, opened = asyncio.Event(), asyncio.Event()
    assert asyncio.run(main()) == [[1]] * 4
    assert calls == [1]
    assert nothing_is_held()


def test_a_coroutine_waits_for_another_process(repo, calls):
    @p.provenance()
    async def slow(n):
        calls.append(n)
        return "own"

    async def main():
        lease = taken_over(repo, id_of(slow, n=1))
        pending = asyncio.create_task(slow(1))
        await asyncio.sleep(0)
        store_as_other(repo, id_of(slow, n=1), lease, "winner")
        return p.unwrap(await pending)

    assert asyncio.run(main()) == "winner"
    assert calls == []


def test_a_cancelled_coroutine_lets_others_go_on(repo, calls):
    @p.provenance()
    async def slow(n):
        calls.append(n)
        if len(calls) == 1:
            await asyncio.Event().wait()
        return [n]

    async def main():
        first = asyncio.create_task(slow(1))
        await asyncio.sleep(0)
        pending = [asyncio.create_task(slow(1)) for _ in range(2)]
        await asyncio.sleep(0)
        pending[0].cancel()
        first.cancel()
        return p.unwrap(await pending[1])

    assert asyncio.run(main()) == [1]
    assert calls == [1, 1]
    assert nothing_is_held()


def test_a_cancelled_coroutine_that_waits_for_another_process_leaves_nothing_behind(repo):
    @p.provenance()
    async def slow(n):
        return n

    async def main():
        taken_over(repo, id_of(slow, n=1))
        pending = asyncio.create_task(slow(1))
        await asyncio.sleep(0)
        pending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await pending

    asyncio.run(main())
    assert nothing_is_held()


def test_where_no_thread_can_be_had_to_compute_in_the_turn_is_given_up(repo, monkeypatch):
    @p.provenance()
    def slow(n):
        return n

    def refuse(computes):
        raise KeyboardInterrupt

    monkeypatch.setattr(waiting, "_lend", lambda: repo.leases.release(lease) or refuse)
    lease = taken_over(repo, id_of(slow, n=1))
    with pytest.raises(KeyboardInterrupt):
        slow(1)
    assert is_free(repo, id_of(slow, n=1))
    assert nothing_is_held()


# ---- the heartbeat


def test_leases_are_renewed_as_long_as_the_body_runs(repo, pool, gate):
    beats = threading.Semaphore(0)

    class Counted:
        def renew(self, leases, seconds):
            beats.release()
            return repo.leases.renew(leases, seconds)

    lease = repo.leases.acquire("0" * 64, "first", 0.05).lease
    heartbeat.keep(lease, Counted(), 0.05)
    passes(beats, 4)
    heartbeat.drop(lease)
    assert repo.leases.renew([lease], SECONDS) == {lease}
    assert not is_free(repo, "0" * 64)


def test_a_lease_that_was_taken_over_is_renewed_no_longer(repo):
    class Lost:
        def renew(self, leases, seconds):
            return set()

    lease = repo.leases.acquire("0" * 64, "first", 0.05).lease
    heartbeat.keep(lease, Lost(), 0.05)
    while lease in heartbeat._held:
        threading.Event().wait(0.01)


def test_the_heartbeat_ends_when_nothing_is_held_and_starts_again(repo):
    for _ in range(2):
        lease = repo.leases.acquire("0" * 64, "first", 0.05).lease
        heartbeat.keep(lease, repo.leases, 0.05)
        assert any(thread.name == "provenance-leases" for thread in threading.enumerate())
        heartbeat.drop(lease)
        while any(thread.name == "provenance-leases" for thread in threading.enumerate()):
            threading.Event().wait(0.01)
