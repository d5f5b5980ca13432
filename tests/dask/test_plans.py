"""Plans: what would run, what it reads, what it saves and how long it takes, without running anything."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import pairwise

import dask
import pytest

import provenance as p
import provenance_dask as pd
from provenance.errors import UsageError
from provenance.repos.memory import MemoryRepo
from provenance.types import Durations
from provenance_dask import _compat
from tests.dask.pipeline import add, now, source, split, total, tree

KEYS = ["nodes", "hits", "to_run", "undecided", "by_function", "bytes", "seconds_saved", "seconds_estimated"]


class TimedRepo(MemoryRepo):
    """Stores calls as if they had taken `seconds`, by artifact name."""

    def __init__(self):
        super().__init__(name="timed")
        self.seconds = {}

    def save(self, draft):
        taken = Durations(compute=self.seconds.get(draft.record.name, 0.0))
        return super().save(replace(draft, record=draft.record._replace(durations=taken)))


@pytest.fixture
def timed():
    repo = TimedRepo()
    p.set_default_repo(repo)
    return repo


def mixture(log):
    """A graph with a hit, misses and undecided calls."""
    source(1, log=log).compute(scheduler="sync")
    return total([add(source(i, log=log), source(1, log=log), log=log) for i in range(3)], log=log)


def test_a_plan_counts_by_function(repo, log):
    plan = pd.plan(mixture(log)).to_dict()
    assert list(plan) == KEYS
    assert {key: plan[key] for key in KEYS[:5]} == {
        "nodes": 7,
        "hits": 1,
        "to_run": 3,
        "undecided": 3,
        "by_function": {
            "source": {"nodes": 3, "hits": 1, "to_run": 2, "undecided": 0},
            "add": {"nodes": 3, "hits": 0, "to_run": 1, "undecided": 2},
            "total": {"nodes": 1, "hits": 0, "to_run": 0, "undecided": 1},
        },
    }
    assert json.loads(json.dumps(plan)) == plan


def test_a_plan_is_read_as_a_table(repo, log):
    plan = pd.plan(mixture(log))
    *table, summary = str(plan).split("\n")
    assert table[0].split() == ["nodes", "hits", "to", "run", "undecided"]
    assert table[-1].split() == ["all", "7", "1", "3", "3"]
    assert re.fullmatch(
        r"reads \d+ bytes; saves [\d.e-]+ [mµ]?s; takes at least [\d.e-]+ [mµ]?s on \d+ threads?; "
        r"no durations of add, total",
        summary,
    )


def test_a_plan_shows_itself_in_notebooks(repo, log):
    @pd.provenance(name="<b>bold & brave</b>")
    def marked(x):
        return x

    page = pd.plan(marked(mixture(log)))._repr_html_()
    assert "<td>7</td>" not in page
    assert "<td>8</td><td>1</td><td>3</td><td>4</td>" in page
    assert "&lt;b&gt;bold &amp; brave&lt;/b&gt;" in page
    assert "<b>" not in page


def test_a_plan_runs_and_sends_nothing(repo, executions, log):
    def refuse(dsk, keys, **kwargs):
        raise AssertionError

    with dask.config.set(scheduler=refuse):
        pd.plan([tree(8, log)], source(100, log=log))
    assert executions.take() == []


def test_equal_calls_are_planned_once(repo, log):
    plan = pd.plan(source(1, log=log), [source(1, log=log), {"again": source(1, log=log)}])
    assert (plan.nodes, plan.to_run) == (1, 1)


# ---- bytes and seconds


def test_bytes_are_those_of_results_that_are_read(repo, log):
    @pd.provenance(name="text")
    def text(size):
        return "x" * size

    @pd.provenance(name="length")
    def length(value):
        return len(value)

    stored = {size: text(size).compute(scheduler="sync").artifact for size in (100, 100_000)}
    sizes = {size: len(artifact.record.value_inline or b"") for size, artifact in stored.items()}
    sizes[100_000] = stored[100_000].record.value_blob.size
    assert pd.plan(text(100)).bytes == sizes[100] > 100
    assert pd.plan(length(text(100)), length(text(100_000))).bytes == sum(sizes.values())
    length(text(100_000)).compute(scheduler="sync")
    assert pd.plan(length(text(100_000))).bytes < 100
    assert pd.plan(text(5)).bytes == 0


def test_seconds_saved_count_each_stored_call_once_also_those_above_hits(timed, log):
    timed.seconds = {"source": 10.0, "add": 1.0}
    tree(4, log).compute(scheduler="sync")
    plan = pd.plan(tree(4, log), tree(4, log))
    assert plan.seconds_saved == pytest.approx(4 * 10 + 3)
    assert plan.seconds_estimated == 0.0
    assert pd.plan(add(tree(4, log), 1, log=log)).seconds_saved == pytest.approx(43)
    assert pd.plan(source(99, log=log)).seconds_saved == 0.0


def test_seconds_of_a_composite_are_not_counted_for_its_members_too(timed, log):
    timed.seconds = {"split": 5.0, "split_whole": 5.0, "split_tenth": 5.0}
    parts = split(source(30, log=log), log=log)
    pd.compute(parts["whole"], parts["tenth"], scheduler="sync")
    fresh = split(source(30, log=log), log=log)
    assert pd.plan(fresh["whole"], fresh["tenth"]).seconds_saved == pytest.approx(5)
    other = split(source(31, log=log), log=log)
    with dask.config.set(scheduler="sync"):
        assert pd.plan(other["whole"], other["tenth"]).seconds_estimated == pytest.approx(5)


def test_the_estimate_is_the_work_shared_by_the_threads(timed, log):
    timed.seconds = {"source": 2.0}
    source(0, log=log).compute(scheduler="sync")
    nodes = [source(i, log=log) for i in range(1, 9)]
    with dask.config.set(scheduler="sync"):
        plan = pd.plan(nodes)
    assert (plan.threads, plan.seconds_estimated) == (1, pytest.approx(16))
    with dask.config.set(num_workers=4):
        plan = pd.plan(nodes)
    assert (plan.threads, plan.seconds_estimated) == (4, pytest.approx(4))
    assert plan.not_estimated == ()


def test_the_estimate_is_not_shorter_than_the_longest_way_through_the_graph(timed, log):
    timed.seconds = {"source": 2.0, "add": 3.0}
    add(source(0, log=log), log=log).compute(scheduler="sync")
    node = source(1, log=log)
    for _ in range(5):
        node = add(node, 1, log=log)
    with dask.config.set(num_workers=100):
        assert pd.plan(node, source(2, log=log)).seconds_estimated == pytest.approx(2 + 5 * 3)


def test_the_estimate_takes_the_mean_of_the_calls_in_the_graph_before_others(timed, log):
    for number, seconds in enumerate((8.0, 2.0)):
        timed.seconds = {"source": seconds}
        source(number, log=log).compute(scheduler="sync")
    with dask.config.set(scheduler="sync"):
        assert pd.plan(source(2, log=log)).seconds_estimated == pytest.approx(5)
        assert pd.plan(source(0, log=log), source(2, log=log)).seconds_estimated == pytest.approx(8)


def test_without_recorded_durations_there_is_no_estimate(repo, log):
    plan = pd.plan(total([source(1, log=log)], log=log))
    assert plan.seconds_estimated is None
    assert plan.not_estimated == ("source", "total")
    assert "takes unknown on" in str(plan)
    source(2, log=log).compute(scheduler="sync")
    plan = pd.plan(total([source(1, log=log)], log=log))
    assert plan.seconds_estimated > 0.0
    assert plan.not_estimated == ("total",)


def test_calls_that_are_always_computed_have_durations_too(timed, log):
    timed.seconds = {"now": 4.0}
    now(1, log=log).compute(scheduler="sync")
    with dask.config.set(scheduler="sync"):
        assert pd.plan(now(1, log=log)).seconds_estimated == pytest.approx(4)


def test_the_threads_are_those_of_the_client_in_force(configured):
    from distributed import Client

    with Client(processes=False, n_workers=2, threads_per_worker=3, dashboard_address="127.0.0.1:0"):
        assert _compat.threads_in_force() == 6
    with dask.config.set(num_workers=5):
        assert _compat.threads_in_force() == 5


# ---- pictures


def test_the_kinds_differ_in_shape_line_and_word(repo, log):
    drawn = pd.plan(mixture(log)).visualize()
    by_word = {}
    for word, style in re.findall(r'\[label="\w+\\n([\w ]+)", (.*)\];', drawn.dot):
        by_word.setdefault(word, set()).add(style)
    assert {word: len(styles) for word, styles in by_word.items()} == {"stored": 1, "to run": 1, "undecided": 1}
    styles = [dict(re.findall(r'(\w+)="?([^,"]+)', style)) for (style,) in by_word.values()]
    for feature in ("shape", "fillcolor"):
        assert len({style[feature] for style in styles}) == 3
    greys = sorted(sum(bytes.fromhex(style["fillcolor"][1:])) / 3 for style in styles)
    assert all(after - before > 20 for before, after in pairwise(greys))
    assert len(re.findall(" -> ", drawn.dot)) == 2 + 1 + 2 + 3  # one call has the same input twice


def test_a_large_graph_is_drawn_by_function(repo, log):
    tree(100, log).compute(scheduler="sync")
    dot = pd.plan(tree(150, log)).visualize().dot
    assert '[label="source\\n100 stored", shape=box' in dot
    assert '[label="source\\n50 to run", shape=ellipse' in dot
    assert len(re.findall("shape=", dot)) == 4
    assert sum(map(int, re.findall(r' -> .*\[label="(\d+)"\]', dot))) == 2 * 149


def test_names_are_drawn_as_they_are(repo):
    @pd.provenance(name='say "\\n" \n' + "x" * 100)
    def odd():
        return 1

    assert 'label="say \\"\\\\n\\"  xxx' in pd.plan(odd()).visualize().dot


def test_a_plan_is_saved_as_a_picture(repo, log, tmp_path):
    from provenance.vis.picture import _find_graphviz

    assert _find_graphviz() is not None
    svg = pd.plan(mixture(log)).visualize().save(tmp_path / "plan.svg").read_text("utf-8")
    assert "<ellipse" in svg
    assert "stroke-dasharray" in svg
    assert "undecided" in svg


def test_a_plan_explains_nodes_of_its_graph(repo, log):
    node = mixture(log)
    plan = pd.plan(node)
    assert plan.why(source(2, log=log)).reason == "arguments"
    assert plan.why(source(1, log=log)).reason == "stored"
    with pytest.raises(UsageError, match="is not in this plan"):
        plan.why(source(50, log=log))
    with pytest.raises(UsageError, match="is not in this plan"):
        plan.why(3)
