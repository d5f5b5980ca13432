"""What functions raise: whoever computes gets it as it was raised, with the call that it came from."""

from __future__ import annotations

import asyncio
import threading
import traceback

import pytest

import provenance as p
import provenance_dask as pd
from provenance.errors import CompositeError, HashingError, UnrecordedResultWarning
from tests.dask.pipeline import add, block, fails, source, total
from tests.dask.raising import (
    FrozenError,
    OddError,
    SlottedError,
    innermost,
    keeps_quiet,
    no_composite,
    outermost,
    raises,
    raises_from,
    raises_later,
)

PLACE = "tests.dask.raising"
HERE = ["sync", "threads"]


def notes_of(error):
    return list(getattr(error, "__notes__", []))


def shown(text):
    return repr(text) if len(repr(text)) <= 60 else f"{text!r:.60}…"


def path_of(error):
    """Names of the functions that the traceback leads through."""
    return [frame.name for frame in traceback.extract_tb(error.__traceback__)]


def error_of(call, **kwargs):
    with pytest.raises(Exception) as caught:  # noqa: PT011  which one is what is asked
        call(**kwargs)
    return caught.value


# ---- in this process


@pytest.mark.parametrize("scheduler", HERE)
def test_an_error_names_the_call(repo, log, scheduler):
    node = total([fails(source(5, log=log), log=log)], log=log)
    error = error_of(node.compute, scheduler=scheduler)
    artifact = source(5).artifact_id[:12]
    assert (type(error), error.args) == (LookupError, ("no such thing as 5",))
    assert notes_of(error) == [f"in the call tests.dask.pipeline.fails(x=<artifact {artifact}>, log={shown(log)})"]
    assert path_of(error)[-1] == "fails"


def test_an_error_of_an_eager_call_names_it(repo):
    error = error_of(lambda: innermost(3))
    assert notes_of(error) == [f"in the call {PLACE}.innermost(number=3)"]
    assert notes_of(error_of(lambda: asyncio.run(raises_later(3)))) == [f"in the call {PLACE}.raises_later(number=3)"]


def test_of_nested_calls_the_innermost_and_the_outermost_are_named(repo):
    error = error_of(outermost(1).compute, scheduler="sync")
    assert notes_of(error) == [f"in the call {PLACE}.innermost(number=3)", f"in the call {PLACE}.outermost(number=1)"]


def test_arguments_are_shortened_and_not_loaded(repo, log):
    proxy = p.load_proxy(block(1, 10_000, log=log).compute(scheduler="sync").artifact_id)
    error = error_of(keeps_quiet(proxy, "x" * 10_000, 1, 2, secret="hidden").compute, scheduler="sync")
    (note,) = notes_of(error)
    text = shown("x" * 200)
    assert note == (
        f"in the call {PLACE}.keeps_quiet(values=<artifact {proxy.artifact_id[:12]}>, text={text}, *[1, 2])"
    )
    assert not proxy.is_loaded
    many = error_of(keeps_quiet(1, "x", *["y" * 50] * 50).compute, scheduler="sync")
    assert len(notes_of(many)[0]) < 500


def test_what_is_wrong_with_a_result_names_the_call(repo):
    error = error_of(no_composite(3).compute, scheduler="sync")
    assert isinstance(error, CompositeError)
    assert notes_of(error) == [f"in the call {PLACE}.no_composite(number=3)"]


def test_errors_that_take_no_notes_are_raised_all_the_same(repo):
    assert notes_of(error_of(p.provenance()(_frozen))) == []


def _frozen():
    raise FrozenError(7)


class Unspeakable:
    """Raises whatever it is asked for."""

    def value_repr(self):
        return 1

    @property
    def shape(self):
        msg = "no shape"
        raise RuntimeError(msg)


def test_arguments_that_cannot_be_shown_do_not_hide_the_error(repo):
    error = error_of(lambda: innermost(Unspeakable()))
    assert (type(error), notes_of(error)) == (ValueError, [f"in the call {PLACE}.innermost(…)"])


def test_an_error_that_is_raised_again_is_not_said_to_be_of_another_call(repo):
    error = ValueError("the same each time")

    @p.provenance()
    def again(number):
        raise error

    for number in (1, 2, 2):
        error_of(lambda number=number: again(number))
    assert [note.partition(">.again")[2] for note in notes_of(error)] == ["(number=1)", "(number=2)"]


def test_interrupts_are_no_errors_of_a_call(repo):
    @p.provenance()
    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        interrupted()
    assert notes_of(caught.value) == []


def test_what_goes_wrong_before_a_task_runs_its_body_names_the_call(repo):
    """The result of another task turns out to be nothing that a call can be keyed by."""

    @pd.provenance()
    def lock():
        return threading.Lock()

    with pytest.warns(UnrecordedResultWarning):
        error = error_of(add(lock()).compute, scheduler="sync")
    assert isinstance(error, HashingError)
    assert notes_of(error) == ["in the call tests.dask.pipeline.add(a='<_thread.lock>', b=0, log=None)"]


# ---- from workers


@pytest.mark.parametrize("way", ["compute", "client.compute", "client.gather", "processes"])
def test_an_error_on_a_worker_arrives_as_it_was_raised(client, log, way):
    node = add(fails(5, log=log), log=log)
    if way == "compute":
        error = error_of(node.compute)
    elif way == "processes":
        error = error_of(node.compute, scheduler="processes", num_workers=1)
    elif way == "client.compute":
        error = error_of(client.compute(node).result)
    else:
        error = error_of(lambda: client.gather([client.compute(node)]))
    assert (type(error), error.args) == (LookupError, ("no such thing as 5",))
    assert notes_of(error) == [f"in the call tests.dask.pipeline.fails(x=5, log={shown(log)})"]
    assert path_of(error)[-1] == "fails"
    assert "raise LookupError(msg)" in "".join(traceback.format_exception(error))


def test_errors_of_all_shapes_arrive(client, log):
    odd, slotted, plain = (error_of(raises(kind, log=log).compute) for kind in ("odd", "slotted", "plain"))
    assert (type(odd), odd.args, odd.code) == (OddError, ("7: look",), 7)
    assert (type(slotted), str(slotted)) == (SlottedError, "with slots")
    assert type(plain) is ValueError
    assert all(notes_of(error)[0].startswith(f"in the call {PLACE}.raises(kind=") for error in (odd, slotted, plain))


@pytest.mark.parametrize(
    ("kind", "text"), [("locked", f"{PLACE}.LockedError: holds a lock"), ("frozen", "FrozenError")]
)
@pytest.mark.parametrize("scheduler", [None, "processes"])
def test_an_error_that_cannot_be_pickled_can_be_read(client, log, kind, text, scheduler):
    error = error_of(raises(kind, log=log).compute, scheduler=scheduler)
    assert type(error) is RuntimeError
    assert text in str(error)
    assert any(note.startswith(f"in the call {PLACE}.raises(kind={kind!r}, ") for note in notes_of(error))
    assert any("cannot be pickled" in note for note in notes_of(error))
    assert "raises" in path_of(error)


def test_an_error_arrives_with_what_led_to_it(client, log):
    error = error_of(raises_from("plain", log=log).compute)
    assert (type(error), str(error.__cause__)) == (LookupError, "plain")


def test_an_error_arrives_although_what_led_to_it_cannot_be_pickled(client, log):
    error = error_of(raises_from("locked", log=log).compute)
    assert (type(error), str(error), error.__cause__) == (LookupError, "consequence", None)
    assert f"raised because of {PLACE}.LockedError: holds a lock" in notes_of(error)
    assert any(note.startswith(f"in the call {PLACE}.raises_from(") for note in notes_of(error))


def test_nested_calls_are_named_by_workers(client):
    error = error_of(outermost(1).compute)
    assert notes_of(error) == [f"in the call {PLACE}.innermost(number=3)", f"in the call {PLACE}.outermost(number=1)"]
    assert path_of(error)[-3:].count("innermost") == 1


def test_calls_that_raised_on_workers_are_recorded(client, executions, log):
    node = add(fails(source(5, log=log), log=log), log=log)
    for _ in range(2):
        error_of(node.compute)
    failed = p.failed_calls()
    assert [(call.name, call.error_type, call.message) for call in failed] == [
        ("fails", "LookupError", "no such thing as 5")
    ] * 2
    assert {call.run_id for call in failed} <= {run.id for run in p.runs()}
    assert failed[0].inputs_json["kargs"]["x"] == {"artifact": source(5).artifact_id}
    assert executions.take() == ["fails", "fails", "source"]
