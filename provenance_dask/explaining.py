"""Why a call has to run: what differs between it and the stored call of its function that is most like it."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Literal, NamedTuple, TypeAlias

from provenance import engine
from provenance.engine import FunctionSpec
from provenance.errors import UsageError
from provenance.types import JSON, ArtifactId, ArtifactRecord, Repo
from provenance_dask.literals import is_literal
from provenance_dask.resolve import Resolution, repo_of, resolve
from provenance_dask.steps import CallStep, MemberStep, Results, Step, has_hooks, is_node, reuses_results

Reason: TypeAlias = Literal[
    "stored", "never run", "version", "code", "arguments", "upstream", "always computed", "unusable"
]

_BY_WEIGHT: tuple[Reason, ...] = ("version", "code", "arguments", "upstream")
_CALLS_COMPARED = 200
_MOST_CHANGES = 20
_SHOWN = 80
_ABSENT = "<absent>"

_SENTENCES: Mapping[Reason, str] = {
    "stored": "is stored",
    "never run": "has never run",
    "version": "has another version than the nearest stored call",
    "code": "is another lambda than that of the nearest stored call",
    "arguments": "differs in its arguments from every stored call",
    "upstream": "needs results that no stored call was made with",
    "always computed": "is computed each time: it is not cached",
    "unusable": "is recorded, but its value is lost, or was computed with use_cache off",
}


@dataclass(frozen=True, slots=True)
class Change:
    """One difference from a stored call.

    Attributes
    ----------
    path : str
        ``version``, or the place among the arguments, as in ``kargs['params']['alpha']`` or ``varargs[0]``.
    before, after : JSON value
        What the stored call had there, and what this call has: scalars as they are, long things cut, artifacts as
        ``{"artifact": id}``, a result that is not known yet as ``{"awaits": key of its node}``.
    """

    path: str
    before: JSON
    after: JSON

    def __str__(self) -> str:
        return f"{self.path}: {_shown(self.before)} -> {_shown(self.after)}"


@dataclass(frozen=True, slots=True)
class Why:
    """Why a call has to run, or that it is stored.

    Attributes
    ----------
    function : str
        Module and qualified name of the function.
    reason : str
        ``never run``: no call of the function is stored. ``version``, ``code``, ``arguments``, ``upstream``: the first
        of these in which the call differs from the stored one that is most like it; ``code`` is said of lambdas only,
        ``upstream`` of arguments that are results of other calls. ``always computed``: it is not cached.
        ``unusable``: its value is lost, or was computed with ``use_cache=False``. ``stored``: it need not run.
    changes : tuple of Change
        What differs from that stored call.
    """

    function: str
    reason: Reason
    changes: tuple[Change, ...]

    def __str__(self) -> str:
        return "\n".join([f"{self.function} {_SENTENCES[self.reason]}", *(f"  {change}" for change in self.changes)])


def why(node: Any) -> Why:
    """Say why a call has to run: what differs from the nearest stored call of the same function.

    Nothing is run, and no value is loaded.

    Parameters
    ----------
    node : LazyArtifact
        For a member of a composite the call that returns the composite is explained.

    Raises
    ------
    UsageError
        It is no lazy artifact.
    """
    if not is_node(node):
        msg = f"why() explains calls of functions decorated by provenance_dask, got {node!r:.80}"
        raise UsageError(msg)
    return explain(node.step, resolve([node.step]))


def explain(step: Step, resolution: Resolution) -> Why:
    """Why a step of a resolved graph has to run."""
    while isinstance(step, MemberStep) and step not in resolution.hits:
        step = step.inputs[0]
    label = step.label
    running = {waiting.token for waiting in resolution.to_run if waiting.futures is None}
    if step.token not in running:
        return Why(label, "stored", ())
    if not isinstance(step, CallStep) or not reuses_results(step.spec, use_cache=engine.settings().use_cache):
        return Why(label, "always computed", ())
    stored = engine.stored_calls(repo_of(step), step.spec, limit=_CALLS_COMPARED)
    if not stored:
        return Why(label, "never run", ())
    known = _describe(step, resolution.hits)
    literals = _literals_among(stored, known, repo_of(step))
    differences = min((list(_differences(record, known, literals)) for record in stored), key=len)
    kinds = {difference.kind for difference in differences}
    reason: Reason = next((reason for reason in _BY_WEIGHT if reason in kinds), "unusable")
    return Why(label, reason, tuple(difference.change for difference in differences[:_MOST_CHANGES]))


class _Described(NamedTuple):
    """A call as far as it is known.

    `digests` are the hashes of arguments by path, None where hooks make them of values that are not known;
    `references` stand for artifacts and awaited results, by the path of each; `waiting` are the arguments with an
    awaited result in them; `preview` is what records show of arguments.
    """

    spec: FunctionSpec
    digests: Mapping[str, str] | None
    references: Mapping[str, JSON]
    waiting: frozenset[str]
    preview: JSON


class _Difference(NamedTuple):
    kind: Reason
    change: Change


def _describe(step: CallStep, results: Results) -> _Described:
    spec = step.spec
    kargs, varargs = step.with_known(results)
    shown: Any = engine.map_leaves((kargs, varargs), is_node, lambda node: _awaited(node.step))
    preview = engine.preview_inputs(*shown)
    missing = {path: source for source, path in zip(step.inputs, step.paths, strict=True) if source not in results}
    if missing and has_hooks(spec):
        references = {path: _awaited(source) for path, source in missing.items()}
        return _Described(spec, None, references, frozenset(map(_argument_of, missing)), preview)
    inputs = engine.resolve_inputs(spec, kargs, varargs, None)
    references = {}
    waiting = set()
    for path, carrier in inputs.carriers:
        if is_node(carrier):
            waiting.add(_argument_of(path))
            references[path] = _awaited(carrier.step)  # type: ignore[attr-defined]
        else:
            references[path] = {"artifact": carrier.artifact_id}  # type: ignore[attr-defined]
    return _Described(spec, inputs.digests.by_path(), references, frozenset(waiting), preview)


def _awaited(step: Step) -> JSON:
    return {"awaits": step.key}


def _argument_of(path: str) -> str:
    """The argument that a path leads into."""
    return path[: path.index("]") + 1]


def _literals_among(stored: Iterable[ArtifactRecord], call: _Described, repo: Repo) -> frozenset[ArtifactId]:
    """Large arguments that stored calls were sent as artifacts: they are values, not results of other calls."""
    ids = {edge.artifact_id for record in stored for edge in record.edges if edge.path not in call.references}
    return frozenset(key for key, record in repo.find_records(list(ids)).items() if is_literal(record))


def _differences(record: ArtifactRecord, call: _Described, literals: frozenset[ArtifactId]) -> Iterator[_Difference]:
    """What differs between a stored call and one that is not, the same each time."""
    version = call.spec.options.version
    if (record.version, type(record.version)) != (version, type(version)):
        yield _Difference("version", Change("version", record.version, version))
    elif "<lambda>" in call.spec.qualname and record.code_id != call.spec.code_id:
        yield _Difference("code", Change("code", record.code_id, call.spec.code_id))
    edges = {
        edge.path: edge.artifact_id
        for edge in record.edges
        if edge.kind == "input" and edge.artifact_id not in literals
    }
    differing = set(call.waiting)
    if call.digests is not None:
        # An argument that one of the calls does not have counts too.
        differing.update(argument for argument, _ in record.input_hashes.items() ^ call.digests.items())
    for argument in sorted(differing):
        yield from _in_argument(argument, record, call, edges)


def _in_argument(
    argument: str, record: ArtifactRecord, call: _Described, edges: Mapping[str, str]
) -> Iterator[_Difference]:
    before, after = _at(record.inputs_json, argument), _at(call.preview, argument)
    differs = False
    for path in sorted({path for path in (*edges, *call.references) if path.startswith(argument)}):
        old: JSON = {"artifact": edges[path]} if path in edges else before if path == argument else _ABSENT
        new = call.references.get(path, after if path == argument else _ABSENT)
        if old != new:
            differs = True
            yield _Difference("upstream", Change(path, old, new))
    for path, old, new in _in_previews(argument, before, after):
        differs = True
        yield _Difference("arguments", Change(path, old, new))
    if not differs and call.digests is not None and argument not in call.waiting:
        # What is shown of them is the same: the difference lies in what was cut off.
        change = Change(argument, {"hash": record.input_hashes.get(argument)}, {"hash": call.digests.get(argument)})
        yield _Difference("arguments", change)


def _in_previews(path: str, before: JSON, after: JSON) -> Iterator[tuple[str, JSON, JSON]]:
    """The innermost places in which what is shown of two values differs; references to results are passed over."""
    if before == after and type(before) is type(after):
        return
    if _is_reference(before) or _is_reference(after):
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in dict.fromkeys((*before, *after)):
            yield from _in_previews(f"{path}[{key!r}]", before.get(key, _ABSENT), after.get(key, _ABSENT))
    elif isinstance(before, list) and isinstance(after, list):
        for index, (old, new) in enumerate(zip_longest(before, after, fillvalue=_ABSENT)):
            yield from _in_previews(f"{path}[{index}]", old, new)
    else:
        yield path, before, after


def _is_reference(shown: JSON) -> bool:
    return isinstance(shown, dict) and len(shown) == 1 and not {"artifact", "awaits"}.isdisjoint(shown)


def _at(preview: JSON, argument: str) -> JSON:
    """What a record shows of one argument."""
    where, _, place = argument.rstrip("]").partition("[")
    shown = preview.get(where) if isinstance(preview, dict) else None
    if isinstance(shown, dict):
        return shown.get(ast.literal_eval(place), _ABSENT)
    if isinstance(shown, list) and int(place) < len(shown):
        return shown[int(place)]
    return _ABSENT


def _shown(value: JSON) -> str:
    if value == _ABSENT:
        return _ABSENT
    if isinstance(value, dict) and len(value) == 1:
        ((kind, key),) = value.items()
        if kind == "artifact":
            return f"artifact {str(key)[:12]}"
        if kind == "awaits":
            return f"the result of {str(key)[:-52]}"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
