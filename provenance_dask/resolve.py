"""Find out before scheduling which results are stored: by recipe key, then by content key."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from provenance import engine
from provenance.engine import Artifact, FunctionSpec
from provenance.errors import RepoUnreachableError
from provenance.types import ArtifactId, ArtifactRecord, RecipeKey, Repo
from provenance_dask.steps import Step, reuses_results
from provenance_dask.tasks import add_recipes

K = TypeVar("K", ArtifactId, RecipeKey)


@dataclass(frozen=True, slots=True)
class Resolution:
    """What is to be run to get some results.

    Attributes
    ----------
    roots : tuple of Step
        The steps whose results are wanted.
    hits : dict of Step to Artifact
        The stored results that were found.
    to_run : list of Step
        What has to be scheduled, inputs before what uses them.
    blocked : set of Step
        Those that must not be found by their recipe, as something above them is computed anew each time.
    """

    roots: tuple[Step, ...]
    hits: Mapping[Step, Artifact]
    to_run: list[Step] = field(default_factory=list)
    blocked: frozenset[Step] = frozenset()

    def recipe(self, step: Step) -> RecipeKey | None:
        """The recipe key that the step's result may be recorded under."""
        return None if step in self.blocked else step.recipe


class _Lookup:
    """Look-ups in the repo that each step belongs to, all steps of a repo at once."""

    def __init__(self) -> None:
        self._default = engine.default_repo()
        self.use_cache = engine.settings().use_cache
        # Graphs have many steps of few functions.
        self._repos: dict[FunctionSpec, Repo] = {}
        self._reuses: dict[FunctionSpec, bool] = {}

    def repo(self, step: Step) -> Repo:
        repo = self._repos.get(step.spec)
        if repo is None:
            chosen = step.spec.options.repo
            repo = self._repos[step.spec] = self._default if chosen is None else engine.resolve_repo(chosen)
        return repo

    def reuses(self, step: Step) -> bool:
        reuses = self._reuses.get(step.spec)
        if reuses is None:
            reuses = self._reuses[step.spec] = reuses_results(step.spec, use_cache=self.use_cache)
        return reuses

    def remembered(self, step: Step) -> Artifact | None:
        """The result, where it was found before in the same repo."""
        found = step.found
        return found if found is not None and found.repo is self.repo(step) and not step.is_lost else None

    def by_recipe(self, steps: Iterable[Step]) -> dict[Step, Artifact]:
        """Stored results by recipe; steps without one are passed over."""
        return self.by_key({step: step.recipe for step in steps if step.recipe is not None})

    def by_key(self, keys: Mapping[Step, RecipeKey]) -> dict[Step, Artifact]:
        """Stored results by the keys that lead to them."""
        return self._find(keys, lambda repo, wanted: repo.find_recipes(wanted))

    def by_id(self, keys: Mapping[Step, ArtifactId]) -> dict[Step, Artifact]:
        """Stored results by content key."""
        return self._find(keys, lambda repo, wanted: repo.find_records(wanted))

    def _find(
        self, keys: Mapping[Step, K], find: Callable[[Repo, list[K]], Mapping[K, ArtifactRecord]]
    ) -> dict[Step, Artifact]:
        by_repo: defaultdict[int, list[Step]] = defaultdict(list)
        repos: dict[int, Repo] = {}
        for step in keys:
            repo = self.repo(step)
            repos[id(repo)] = repo
            by_repo[id(repo)].append(step)
        found: dict[Step, Artifact] = {}
        for number, steps in by_repo.items():
            repo = repos[number]
            try:
                records = engine.whole(find(repo, list(dict.fromkeys(keys[step] for step in steps))), repo)
            except RepoUnreachableError as error:
                if not repo.counts_as_miss(error):
                    raise
                continue
            for step in steps if records else ():
                record = records.get(keys[step])
                if record is not None and not step.is_lost:
                    found[step] = Artifact(record, repo)
        return found


def above(roots: Iterable[Step]) -> list[Step]:
    """The roots and every step that they need, inputs before what uses them."""
    seen = set(roots)
    stack = list(seen)
    while stack:
        for step in stack.pop().inputs:
            if step not in seen:
                seen.add(step)
                stack.append(step)
    return sorted(seen, key=_serial)


def _serial(step: Step) -> int:
    return step.serial


def resolve(roots: Iterable[Step]) -> Resolution:
    """Look up what is stored, and say what has to run.

    One query for each repo where all roots are found; else one for all recipe keys, and one for each level of steps
    whose inputs are known and whose recipe is new.
    """
    wanted = tuple(roots)
    lookup = _Lookup()
    hits = _find_roots(lookup, wanted)
    missing = [step for step in wanted if step not in hits]
    if not missing:
        return _noted(Resolution(wanted, hits))
    order = above(missing)
    blocked = _blocked(lookup, order)
    candidates = {step: found for step in order if step not in blocked and (found := lookup.remembered(step))}
    candidates.update(
        lookup.by_recipe(step for step in order if step not in blocked and step not in candidates and step not in hits)
    )
    needed = _needed(missing, candidates, hits)
    decided = _find_by_content(lookup, needed, hits, blocked)
    to_run = _needed(missing, {}, hits)
    for step in to_run:
        step.status = "miss" if step in decided or not lookup.reuses(step) else "undecided"
        step.pending = None
    return _noted(Resolution(wanted, hits, to_run, blocked))


def known_of(resolution: Resolution, order: Iterable[Step]) -> dict[Step, Artifact]:
    """The stored results among `order`, also those that only other stored results need; one more query for these."""
    known = {step: artifact for step in order if (artifact := resolution.hits.get(step)) is not None}
    running = set(resolution.to_run)
    rest = [step for step in order if step not in known and step not in running and step not in resolution.blocked]
    known.update(_Lookup().by_recipe(rest))
    return known


def repo_of(step: Step) -> Repo:
    """The repo that a step's result is looked up and stored in."""
    return _Lookup().repo(step)


def trace_of(step: Step) -> RecipeKey:
    """The key that the result of a step can be found by after it was computed, where its recipe must not lead to it."""
    return RecipeKey(engine.digest_of("provenance_dask.trace", step.token))


def identify(roots: Iterable[Step]) -> dict[Step, Artifact]:
    """The stored results of the roots and of every step above them, as far as they can be told.

    For steps that are computed anew each time, what they were traced to; else what their users recorded as input.
    """
    lookup = _Lookup()
    order = above(roots)
    blocked = _blocked(lookup, order)
    hits = lookup.by_key({step: trace_of(step) if step in blocked else step.recipe or trace_of(step) for step in order})
    # What was remembered may have been deleted since.
    hits.update(lookup.by_id({step: step.found.id for step in order if step not in hits and step.found is not None}))
    _find_by_content(lookup, [step for step in order if step not in hits], hits, blocked)
    fresh: dict[Step, ArtifactId] = {}
    for step in reversed(order):
        if step in hits:
            recorded = {edge.path: edge.artifact_id for edge in hits[step].record.edges if edge.kind == "input"}
            for source, path in zip(step.inputs, step.paths, strict=True):
                if source not in hits and path in recorded:
                    fresh[source] = recorded[path]
    hits.update(lookup.by_id(fresh))
    return hits


def _find_roots(lookup: _Lookup, roots: tuple[Step, ...]) -> dict[Step, Artifact]:
    """The roots that are stored, asked for by recipe; nothing above them is looked at."""
    if not lookup.use_cache:
        return {}  # what is above decides whether they may be found by recipe
    hits = {step: found for step in roots if step.recipe is not None and (found := lookup.remembered(step))}
    hits.update(lookup.by_recipe(step for step in roots if step not in hits))
    return {step: artifact for step, artifact in hits.items() if _has_value(artifact)}


def _has_value(artifact: Artifact) -> bool:
    return artifact.repo.has_value(artifact.record)


def _blocked(lookup: _Lookup, order: list[Step]) -> frozenset[Step]:
    """Steps below one that is computed anew each time, and that one itself."""
    blocked: set[Step] = set()
    for step in order:
        if step.recipe is None or not lookup.reuses(step) or not blocked.isdisjoint(step.awaits):
            blocked.add(step)
    return frozenset(blocked)


def _needed(roots: list[Step], candidates: Mapping[Step, Artifact], hits: dict[Step, Artifact]) -> list[Step]:
    """What is not stored of the roots and what they need; stored results that are met go into `hits`."""
    needed: set[Step] = set()
    seen = set(roots)
    stack = list(seen)
    while stack:
        step = stack.pop()
        if step in hits:
            continue
        artifact = candidates.get(step)
        if artifact is not None and _has_value(artifact):
            hits[step] = artifact
            continue
        needed.add(step)
        if step.futures is None:
            stack.extend(source for source in step.inputs if source not in seen)
            seen.update(step.inputs)
    return sorted(needed, key=_serial)


def _find_by_content(
    lookup: _Lookup, needed: list[Step], hits: dict[Step, Artifact], blocked: frozenset[Step]
) -> set[Step]:
    """Look up the steps whose inputs are known by content key, until no more are; found ones go into `hits`.

    Returns
    -------
    set of Step
        Those that were looked up.
    """
    decided: set[Step] = set()
    lacking: dict[Step, int] = {}
    users: defaultdict[Step, list[Step]] = defaultdict(list)
    ready: list[Step] = []
    for step in needed:
        unknown = [source for source in step.awaits if source not in hits]
        lacking[step] = len(unknown)
        for source in unknown:
            users[source].append(step)
        if not unknown and lookup.reuses(step):
            ready.append(step)
    while ready:
        decided.update(ready)
        found = lookup.by_id({step: step.content_id(hits) for step in ready})
        fresh = {step: artifact for step, artifact in found.items() if _has_value(artifact)}
        hits.update(fresh)
        ready = []
        for user in (user for step in fresh for user in users[step]):
            lacking[user] -= 1
            if not lacking[user] and lookup.reuses(user):
                ready.append(user)
    _record_recipes([step for step in decided if step in hits and step not in blocked], hits)
    return decided


def _record_recipes(steps: list[Step], hits: Mapping[Step, Artifact]) -> None:
    """Record the recipe keys of results that were found without them, so that they are found sooner next time."""
    repos: dict[int, Repo] = {}
    recipes: defaultdict[int, dict[RecipeKey, ArtifactId]] = defaultdict(dict)
    for step in steps:
        artifact = hits[step]
        if step.recipe is not None and artifact.record.recipe != step.recipe:
            repos[id(artifact.repo)] = artifact.repo
            recipes[id(artifact.repo)][step.recipe] = artifact.id
    for number, repo in repos.items():
        add_recipes(repo, recipes[number])


def _noted(resolution: Resolution) -> Resolution:
    """Leave on the steps what was found; hits stay known for good."""
    for step, artifact in resolution.hits.items():
        step.found = artifact
        step.status = "hit"
        step.pending = None
    return resolution


@dataclass(slots=True, eq=False)
class _Submitted:
    """Steps that a scheduler was given; see `provenance_dask.steps.Pending`.

    Attributes
    ----------
    steps : list of Step
        The steps; those that were looked up or given to a scheduler once more since are passed over.
    blocked : frozenset of Step
        Those that cannot be found by their recipe.
    results : mapping
        Artifact ids of results that came back.
    is_over : bool
        Whether all of them are known to have run.
    """

    steps: list[Step]
    blocked: frozenset[Step]
    results: Mapping[Step, ArtifactId]
    is_over: bool
    lookup: _Lookup = field(default_factory=_Lookup)

    def settle(self) -> None:
        """Look up all steps at once."""
        steps = [step for step in self.steps if step.pending is self]
        found = self.lookup.by_recipe(step for step in steps if step not in self.blocked)
        found.update(self.lookup.by_id({step: key for step, key in self.results.items() if step not in found}))
        for step in steps:
            artifact = found.get(step)
            if artifact is None and not self.is_over:
                continue
            reused = artifact is not None and step.recipe is not None and artifact.record.recipe != step.recipe
            step.found = artifact
            step.status = "hit" if reused else "computed"
            step.pending = None


def begin(resolution: Resolution) -> None:
    """Note that a scheduler is given what has to run: what becomes of it is looked up when it is asked for."""
    _submit(_Submitted(resolution.to_run, resolution.blocked, {}, is_over=False))


def settle(resolution: Resolution, results: Mapping[Step, Any]) -> None:
    """Note that all steps that had to run did; `results` are those of the roots."""
    ids = {
        step: result.artifact_id for step, result in results.items() if issubclass(type(result), engine.ArtifactProxy)
    }
    _submit(_Submitted(resolution.to_run, resolution.blocked, ids, is_over=True))


def follow(step: Step, copy: Step) -> None:
    """Let the copy of a step that a scheduler was given find out what becomes of it."""
    copy.status = step.status
    pending = step.pending
    if isinstance(pending, _Submitted):
        blocked = frozenset({copy} if step in pending.blocked else ())
        copy.pending = _Submitted([copy], blocked, {}, pending.is_over, pending.lookup)


def _submit(submitted: _Submitted) -> None:
    for step in submitted.steps:
        step.pending = submitted
        if submitted.is_over:
            step.status = "computed"  # until it is found out that it was a hit
