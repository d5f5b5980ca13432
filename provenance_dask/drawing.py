"""Plans as pictures: what is stored, what will run and what is undecided differ in shape, line, colour and word."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import provenance as core
from provenance_dask.steps import Step

_MOST_NODES = 200
"""Graphs with more nodes are drawn with one node for each function and kind."""
_TEXT_LIMIT = 40

_STYLES = {
    "hits": 'shape=box, style=filled, fillcolor="#dcebdc", color="#3f6b45"',
    "to_run": 'shape=ellipse, style=filled, fillcolor="#f0a04b", color="#7a3b00", penwidth=2.5',
    "undecided": 'shape=hexagon, style="filled,dashed", fillcolor="#ffffff", color="#555555"',
}
_WORDS = {"hits": "stored", "to_run": "to run", "undecided": "undecided"}


def draw(steps: Iterable[Step], kinds: Mapping[str, str]) -> core.Picture:
    """Draw steps, each once; `kinds` has the kind of each by its token."""
    distinct = {step.token: step for step in steps}
    drawn = _single(distinct, kinds) if len(distinct) <= _MOST_NODES else _grouped(distinct, kinds)
    head = ["digraph plan {", "  rankdir=TB;", '  node [fontname="Helvetica"];', '  edge [color="#555555"];']
    return core.Picture("\n".join([*head, *drawn, "}"]))


def _single(steps: Mapping[str, Step], kinds: Mapping[str, str]) -> list[str]:
    nodes = [_node(token[:16], step.name, _WORDS[kinds[token]], kinds[token]) for token, step in steps.items()]
    arrows = {
        f'  "{source.token[:16]}" -> "{token[:16]}";': None for token, step in steps.items() for source in step.inputs
    }
    return [*nodes, *arrows]


def _grouped(steps: Mapping[str, Step], kinds: Mapping[str, str]) -> list[str]:
    counts: Counter[tuple[str, str]] = Counter()
    arrows: Counter[tuple[tuple[str, str], tuple[str, str]]] = Counter()
    for token, step in steps.items():
        group = step.name, kinds[token]
        counts[group] += 1
        arrows.update(((source.name, kinds[source.token]), group) for source in step.inputs)
    ids = {group: f"group{number}" for number, group in enumerate(counts)}
    nodes = [_node(ids[name, kind], name, f"{count:,} {_WORDS[kind]}", kind) for (name, kind), count in counts.items()]
    lines = [f'  "{ids[source]}" -> "{ids[user]}" [label="{count:,}"];' for (source, user), count in arrows.items()]
    return [*nodes, *lines]


def _node(key: str, name: str, words: str, kind: str) -> str:
    return f'  "{key}" [label="{_escaped(name)}\\n{words}", {_STYLES[kind]}];'


def _escaped(text: str) -> str:
    printable = "".join(char if char.isprintable() else " " for char in text)
    cut = printable if len(printable) <= _TEXT_LIMIT else f"{printable[:_TEXT_LIMIT]}…"
    return cut.replace("\\", "\\\\").replace('"', '\\"')
