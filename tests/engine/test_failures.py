"""Calls that raise are recorded with their error, and are never served as results."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import CancelledError

import pytest

import provenance as p
from provenance.errors import CompositeError, ImpureFunctionError, StorageError
from provenance.repos.memory import MemoryRepo
from provenance.repos.memory_rows import MOST_FAILED_CALLS


@p.provenance(version=3)
def ratio(a, b, *more, note=None):
    return a / b


@p.provenance()
def average(numbers):
    return ratio(sum(numbers), len(numbers))


def fail(fn, *args, **kwargs):
    with pytest.raises(Exception) as caught:  # noqa: PT011  any error of the function
        fn(*args, **kwargs)
    return caught.value


def test_a_call_that_raised_is_recorded(calls):
    fail(ratio, 1, 0, "x", note={"why": [1, 2]})
    (failed,) = p.failed_calls()
    assert (failed.name, failed.version, failed.fn_name, failed.fn_module) == ("ratio", 3, "ratio", __name__)
    assert (failed.error_type, failed.message) == ("ZeroDivisionError", "division by zero")
    assert failed.inputs_json == {"kargs": {"a": 1, "b": 0, "note": {"why": [1, 2]}}, "varargs": ["x"]}
    assert failed.input_hashes["kargs['b']"] == p.hash(0)
    assert failed.input_hashes["varargs[0]"] == p.hash("x")
    assert "return a / b" in failed.traceback
    assert failed.traceback.endswith(f"\nin the call {__name__}.ratio(a=1, b=0, note={{'why': [1, 2]}}, *['x'])\n")
    assert 0 <= failed.compute_seconds < 60
    assert failed.job_id is None
    (run,) = p.runs()
    assert (run.id, run.info["pid"]) == (failed.run_id, p.run_info()["pid"])


def test_the_id_is_that_of_the_result(calls):
    is_broken = [True]

    @p.provenance()
    def sometimes(x):
        calls.append(x)
        if is_broken[0]:
            raise ValueError(x)
        return x

    fail(sometimes, 1)
    fail(sometimes, 1)
    is_broken.clear()
    is_broken.append(False)
    result = sometimes(1)
    assert calls == [1, 1, 1]
    assert result.artifact.is_stored
    assert len(p.failed_calls(artifact=result)) == 2
    assert sometimes(1).artifact.id == result.artifact.id
    assert calls == [1, 1, 1]


def test_a_failure_is_never_served(calls):
    @p.provenance()
    def broken(x):
        calls.append(x)
        raise ValueError(x)

    errors = [fail(broken, 1), fail(broken, 1)]
    assert calls == [1, 1]
    assert errors[0] is not errors[1]
    assert p.find().count() == 0


def test_nested_calls_that_raise_are_recorded_each(calls):
    fail(average, [])
    assert [(failed.name, failed.error_type) for failed in p.failed_calls()] == [
        ("average", "ZeroDivisionError"),
        ("ratio", "ZeroDivisionError"),
    ]


def test_a_body_that_goes_on_has_not_failed():
    @p.provenance()
    def careful():
        try:
            return ratio(1, 0)
        except ZeroDivisionError:
            return None

    assert careful() == None  # noqa: E711  it is a proxy
    assert [failed.name for failed in p.failed_calls()] == ["ratio"]


def test_coroutine_functions():
    @p.provenance()
    async def late(x):
        raise ValueError(x)

    fail(lambda: asyncio.run(late(1)))
    assert [failed.name for failed in p.failed_calls()] == ["late"]


def test_what_is_wrong_with_a_result_is_a_failure_too():
    @p.provenance(returns_composite=True)
    def no_composite():
        return 1

    @p.provenance()
    def impure(numbers):
        numbers.append(1)

    assert isinstance(fail(no_composite), CompositeError)
    assert isinstance(fail(impure, [1]), ImpureFunctionError)
    assert [failed.name for failed in p.failed_calls()] == ["impure", "no_composite"]


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError, CancelledError])
def test_what_is_stopped_has_not_failed(kind):
    @p.provenance()
    def stopped():
        raise kind

    with pytest.raises(kind):
        stopped()
    assert p.failed_calls() == []


def test_arguments_that_cannot_be_hashed_are_no_failure_of_the_call():
    with pytest.raises(p.HashingError):
        ratio(object(), object())
    assert p.failed_calls() == []


def test_long_errors_are_cut_in_the_middle():
    @p.provenance()
    def talkative():
        raise ValueError("begin" + "x" * 100_000 + "end")

    fail(talkative)
    (failed,) = p.failed_calls()
    assert failed.message.startswith("begin")
    assert failed.message.endswith("end")
    assert len(failed.message) < 2_100
    assert failed.traceback.startswith("Traceback")
    assert failed.traceback.endswith("talkative()\n")
    assert len(failed.traceback) < 20_100


def test_of_a_deep_recursion_the_end_is_kept():
    @p.provenance()
    def deep():
        return descend(200)

    def descend(left):
        return descend(left - 1) if left else missing_name  # noqa: F821  the error

    fail(deep)
    (failed,) = p.failed_calls()
    assert "missing_name" in failed.traceback
    assert "in deep\n" not in failed.traceback
    assert len(failed.traceback) < 20_100


class MuteError(Exception):
    def __str__(self):
        raise RuntimeError


def test_an_error_without_a_text_is_recorded():
    @p.provenance()
    def mute():
        raise MuteError

    fail(mute)
    (failed,) = p.failed_calls()
    assert (failed.error_type, failed.message) == (f"{__name__}.MuteError", "")


# ---- it is not in the way


@pytest.fixture
def warnings(caplog):
    caplog.set_level(logging.WARNING, logger="provenance")
    return caplog


class DownRepo(MemoryRepo):
    def save_failed_call(self, call, run):
        message = "out of reach"
        raise StorageError(message)


def test_a_repo_that_cannot_record_it_does_not_hide_the_error(warnings):
    with p.using_repo(DownRepo()):
        assert isinstance(fail(ratio, 1, 0), ZeroDivisionError)
    assert [record.getMessage() for record in warnings.records] == [
        f"that a call of {__name__}.ratio failed could not be recorded: out of reach"
    ]


def test_what_is_not_written_stays_as_it_is(warnings):
    p.set_read_only(True)
    fail(ratio, 1, 0)
    p.set_read_only(False)
    with p.using_repo(MemoryRepo(write=False)):
        fail(ratio, 1, 0)
        assert p.failed_calls() == []
    assert p.failed_calls() == []
    assert warnings.records == []


def test_a_call_that_succeeds_records_no_failure(monkeypatch):
    def refuse(*_):
        raise AssertionError

    monkeypatch.setattr(MemoryRepo, "save_failed_call", refuse)
    assert ratio(1, 2) == 0.5


def test_memory_does_not_keep_all_of_them():
    for _ in range(MOST_FAILED_CALLS + 1):
        fail(ratio, 1, 0)
    assert len(p.failed_calls(limit=None)) == MOST_FAILED_CALLS
