"""What a node of a large graph costs, in objects, calls and bytes."""

from __future__ import annotations

import gc
import itertools
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import provenance as p
import provenance_dask as pd
from provenance import engine
from provenance_dask import _compat, shapes
from provenance_dask.graph import build_graph
from provenance_dask.resolve import resolve
from provenance_dask.shipping import surroundings
from provenance_dask.steps import CallStep, Step
from provenance_dask.tasks import Slot
from tests.dask.test_scale import calls_made

ROOT = Path(__file__).parents[2]


def plain(left, right):
    return left, right


def leaf(number, salt=0):
    del salt
    return number


def picky(first, /, second=2.5, *, also=None):
    return first, second, also


def constant():
    return 1


def summed(numbers):
    return sum(numbers)


lazy_plain = pd.provenance(name="lean_plain")(plain)
lazy_leaf = pd.provenance(name="lean_leaf")(leaf)
lazy_picky = pd.provenance(name="lean_picky")(picky)
lazy_anew = pd.provenance(name="lean_anew", use_cache=False)(leaf)
lazy_constant = pd.provenance(name="lean_constant")(constant)
lazy_sum = pd.provenance(name="lean_sum")(summed)


def tree(leaves):
    level = [lazy_leaf(number) for number in range(leaves)]
    while len(level) > 1:
        level = [lazy_plain(level[i], level[i + 1]) for i in range(0, len(level), 2)]
    return level[0]


@pytest.mark.parametrize(
    "call",
    [
        lambda: lazy_leaf(5),
        lambda: lazy_leaf(salt=-1.5, number="5"),
        lambda: lazy_plain(lazy_leaf(5), 2),
        lambda: lazy_plain(None, lazy_leaf(5)),
        lambda: lazy_plain(right=lazy_leaf(1), left=lazy_leaf(2)),
        lambda: lazy_picky(b"1"),
        lambda: lazy_picky(lazy_leaf(3), also=lazy_leaf(2)),
        lambda: lazy_picky(lazy_leaf(3), lazy_leaf(2), also=lazy_leaf(1)),
        lazy_constant,
    ],
)
def test_a_step_made_in_one_go_is_the_one_that_any_call_gets(call):
    step = call().step
    spec = step.spec
    results = [engine.recipe_from_digests(spec, engine.resolve_inputs(spec, *arguments(step), None).digests)]
    assert results == [step.recipe] == [step.token]
    assert [step.paths[i] for i in range(len(step.inputs))] == [f"kargs[{hole!r}]" for hole in step.holes]


def test_a_step_of_a_call_has_all_that_any_step_has():
    """It sets that itself, without asking `Step` to."""
    step = lazy_plain(lazy_leaf(1), 2).step
    assert [name for name in Step.__slots__ if name != "__weakref__" and not hasattr(step, name)] == []


def arguments(step):
    assert isinstance(step, CallStep)
    return step.with_known({})


def test_the_garbage_collector_has_few_objects_of_a_graph_to_look_at():
    code = "from tests.dask.test_lean import tree, objects_of; print(objects_of(lambda: tree(2**10)))"
    # In a process of its own, as other threads of this one make and lose objects too.
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    nodes = 2**11 - 1
    assert nodes < int(done.stdout) < 1.6 * nodes


def objects_of(make):
    """How many more objects there are with what is made."""
    gc.collect()
    before = len(gc.get_objects())
    made = make()
    gc.collect()
    grown = len(gc.get_objects()) - before
    del made
    return grown


def test_steps_of_one_function_share_what_is_the_same_in_them():
    first, second = lazy_plain(lazy_leaf(1), lazy_leaf(2)).step, lazy_plain(lazy_leaf(3), lazy_leaf(4)).step
    assert first.kargs is second.kargs
    assert (first.holes is second.holes, first.paths is second.paths) == (True, True)


@pytest.mark.parametrize(
    ("call", "value"),
    [
        (lambda node: lazy_plain(node, node), (1, 1)),
        (lambda node: lazy_picky(node, 2, also=node), (1, 2, 1)),
        (lambda node: lazy_picky(node, lazy_leaf(2), also=node), (1, 2, 1)),
    ],
)
def test_a_node_that_is_given_twice_is_one_input(repo, call, value):
    node = call(lazy_leaf(1))
    assert len(set(node.step.inputs)) == len(node.step.inputs) == len(node.step.holes) - 1
    assert node.compute(scheduler="sync") == value


def test_a_call_below_one_that_always_runs_has_no_recipe():
    first, second = lazy_anew(1).step, lazy_anew(1).step
    assert (first.recipe, second.recipe) == (None, None)
    assert first.token != second.token
    below = [lazy_plain(lazy_anew(1), 2), lazy_plain(2, lazy_anew(1)), lazy_plain(lazy_leaf(1), lazy_anew(1))]
    assert [node.step.recipe for node in below] == [None] * 3
    assert len({node.step.token for node in below}) == 3


def test_the_setting_counts_that_is_in_force_at_the_call():
    kept = lazy_leaf(1).step
    p.set_use_cache(False)
    step = lazy_leaf(1).step
    p.set_use_cache(True)
    assert step.recipe is None
    assert step.token != kept.token == kept.recipe == lazy_leaf(1).step.recipe


def test_calls_are_refused_as_the_function_itself_refuses_them():
    with pytest.raises(TypeError, match=r"picky\(\) missing 1 required positional argument: 'first'"):
        lazy_picky()
    with pytest.raises(TypeError, match=r"positional-only arguments passed as keyword arguments: 'first'"):
        lazy_picky(first=1)
    with pytest.raises(TypeError, match=r"takes from 1 to 2 positional arguments but 3 were given"):
        lazy_picky(1, 2, 3)


def test_what_is_kept_for_types_of_arguments_is_bounded(monkeypatch):
    monkeypatch.setattr(shapes, "_MOST_KINDS", 8)
    kept = lazy_plain.__globals__["__makers"]
    kept.clear()
    values = [None, True, 1, 1.0, 1j, "1", b"1", (1,), lazy_leaf(1)]
    keys = set()
    for left, right in itertools.product(values, repeat=2):
        keys.add(lazy_plain(left, right).key)
        assert len(kept) <= 8
    assert len(keys) == len(values) ** 2


def test_a_call_takes_few_steps_of_the_interpreter():
    left, right = lazy_leaf(0), lazy_leaf(1)
    lazy_plain(left, right), lazy_plain(left, 0)
    assert calls_made(lambda: lazy_plain(left, right)) <= 8
    assert calls_made(lambda: lazy_plain(left, 1)) <= 13
    assert calls_made(lambda: lazy_leaf(2)) <= 13
    assert instructions_of(lambda: lazy_plain(left, right)) <= 230
    assert instructions_of(lambda: lazy_leaf(3)) <= 330


def instructions_of(work):
    """How many instructions of Python a piece of work takes."""
    count = 0

    def note(frame, event, argument):
        nonlocal count
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return note

    before = sys.gettrace()
    sys.settrace(note)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def test_a_long_argument_is_not_kept():
    long, short = "x" * 100_000, "x" * 50 + str(id(object()))
    before = sys.getrefcount(long), sys.getrefcount(short)
    lazy_plain(long, short)
    assert (sys.getrefcount(long), sys.getrefcount(short)) == (before[0], before[1] + 1)


def test_equal_arguments_of_other_types_are_not_taken_for_the_one_before():
    keys = {lazy_plain(value, None).key for value in (1, True, 1.0, 1 + 0j, 0.0, -0.0, "1", b"1")}
    assert len(keys) == 8


def test_slots_are_equal_to_nothing_else(repo):
    slot = Slot(1)
    assert len({slot, 1, Slot(1)}) == 3
    assert (slot == 1, slot != 1, slot == Slot(1)) == (False, True, False)
    assert lazy_sum({lazy_leaf(5): 0, 0: 0, 1: 0}).compute(scheduler="sync") == 6
    assert lazy_sum([lazy_leaf(5), 0, lazy_leaf(7), 1]).compute(scheduler="sync") == 13


def payloads(node):
    graph = build_graph(resolve([node.step]), surroundings())
    return [pickle.dumps(task) for task in _compat.to_tasks(graph.layers).values()]


def test_a_task_holds_its_function_and_surroundings_as_bytes_that_are_the_same_in_each(repo):
    shared = {pickle.loads(data).args[0].common for data in payloads(tree(8))}
    assert len(shared) == 2
    assert len({one.spec for one in shared}) == 2


_SENT = """
def made(left, right):
    return left, right
lazy_made = pd.provenance(name="made_here")(made)
"""


def test_a_function_of_a_notebook_is_made_once_in_another_process(configured, tmp_path):
    there = {"pd": pd, "__name__": "__main__"}
    exec(_SENT, there)
    file = tmp_path / "tasks"
    file.write_bytes(pickle.dumps(payloads(there["lazy_made"](there["lazy_made"](1, 2), 3))))
    code = (
        "import pickle, sys\n"
        "tasks = [pickle.loads(data) for data in pickle.load(open(sys.argv[1], 'rb'))]\n"
        "print(len(tasks), len({task.args[0].common.spec for task in tasks}))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["2", "1"]


def test_a_function_whose_name_stands_for_another_is_looked_up_again(repo, monkeypatch):
    (data,) = payloads(lazy_plain(1, 2))
    before = pickle.loads(data).args[0].common.spec
    assert pickle.loads(data).args[0].common.spec is before

    def plain(left, right):
        return right, left

    plain.__qualname__ = "plain"
    monkeypatch.setitem(globals(), "plain", plain)
    after = pickle.loads(data).args[0].common.spec
    assert (before.fn(1, 2), after.fn(1, 2)) == ((1, 2), (2, 1))


def test_a_scheduler_passes_tasks_on_without_the_modules_of_their_functions(repo, tmp_path):
    file = tmp_path / "task"
    (data,) = payloads(lazy_plain(1, 2))
    file.write_bytes(data)
    code = (
        "import pickle, sys\n"
        "task = pickle.load(open(sys.argv[1], 'rb'))\n"
        "assert pickle.dumps(task) == open(sys.argv[1], 'rb').read()\n"
        "print([name for name in sys.modules if name.startswith('tests')])\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert p.get_default_repo() is not None
