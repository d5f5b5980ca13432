"""What every repo promises about many artifacts at once."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from provenance._util.payload import Buffers
from provenance.artifacts.artifact import Artifact
from provenance.errors import (
    ArtifactNotFoundError,
    BlobNotFoundError,
    InvalidIdError,
    InvalidInputsError,
    PermissionDeniedError,
)
from provenance.repos.base import BaseRepo
from provenance.repos.memory import MemoryRepo
from provenance.serializers import pack
from provenance.testing.drafts import LARGE, RUN, a_draft, a_recipe, an_id, edge_to
from provenance.testing.repo_case import RepoCase
from provenance.types import ArtifactRecord, RunRecord

MANY = 10_000


class BatchContract(RepoCase):
    """Tests of the batch operations."""

    # ---- storing

    def test_many_are_copied_in_order_with_all_they_have(self, repo: BaseRepo, tmp_path: Path) -> None:
        given = _mixed(MemoryRepo(), 60)
        stored = repo.batch_put(given)
        assert [one.record._replace(sequence=0) for one in stored] == [one.record._replace(sequence=0) for one in given]
        assert {one.repo for one in stored} == {repo}
        ids = [one.id for one in given]
        for place in (repo, self.make_repo(tmp_path)):
            found = place.find_records(ids) or repo.find_records(ids)
            assert [found[key] for key in ids] == [one.record for one in stored]
        assert repo.find_run("other") == RunRecord("other", {"n": 2})
        assert repo.find_run(RUN.id) == RUN
        assert repo.batch_get_values(reversed(ids)) == [one.value for one in reversed(given)]
        assert [one.inputs for one in stored] == [one.inputs for one in given]
        keys = [a_recipe(seed) for seed in range(60)]
        assert {key: record.id for key, record in repo.find_recipes(keys).items()} == dict(zip(keys, ids, strict=True))
        assert repo.find_recipes([a_recipe("more")])[a_recipe("more")].id == an_id(7)

    def test_those_given_later_are_stored_later(self, repo: BaseRepo) -> None:
        elsewhere = MemoryRepo()
        now = datetime.now(UTC)
        for seed, age in ((3, 0), (1, 1), (2, 2)):
            elsewhere.save(a_draft(seed, "same", computed_at=now - timedelta(days=age)))
        repo.batch_put(elsewhere.batch_get_by_id([an_id(3), an_id(2), an_id(1)]))
        assert repo.get_by_value_id(repo.get_by_id(an_id(1)).value_id).id == an_id(1)

    def test_what_is_there_stays_as_it_is(self, repo: BaseRepo) -> None:
        given = _mixed(MemoryRepo(), 10)
        first = repo.batch_put(given[:5])
        again = repo.batch_put([*given, given[7], given[0].proxy()])
        assert [one.record for one in again[:5]] == [one.record for one in first]
        assert again[10].record == again[7].record
        assert again[11].record == again[0].record
        assert len({one.record.sequence for one in again}) == 10
        assert repo.batch_put(again) == again
        assert repo.batch_put([]) == []

    def test_copies_replace_lost_bytes(self, repo: BaseRepo) -> None:
        given = _mixed(MemoryRepo(), 6)
        [*_, last] = repo.batch_put(given)
        self.lose_value(repo, last.record)
        assert repo.batch_has_values([one.record for one in repo.batch_get_by_id(given)]) == [True] * 5 + [False]
        repo.batch_put(given)
        assert repo.batch_get_values(given) == [one.value for one in given]

    def test_copies_can_replace_lost_bytes_by_others(self, repo: BaseRepo) -> None:
        elsewhere = MemoryRepo()
        self.lose_value(repo, repo.save(a_draft(1, LARGE + "other", recipe=a_recipe(1))))
        elsewhere.save(a_draft(1, LARGE))
        [stored] = repo.batch_put([elsewhere[an_id(1)]])
        assert repo.get_value(an_id(1)) == LARGE
        assert stored.value_id == elsewhere[an_id(1)].value_id

    def test_blobs_of_copies_go_with_them(self, repo: BaseRepo) -> None:
        stored = repo.batch_put(_mixed(MemoryRepo(), 10))
        assert all(list(store.ids()) for store in self.stores(repo))
        repo.batch_delete(stored)
        assert [list(store.ids()) for store in self.stores(repo)] == [[] for _ in self.stores(repo)]

    def test_what_is_lost_is_named_and_the_rest_is_copied(self, repo: BaseRepo) -> None:
        elsewhere = MemoryRepo()
        for seed, edges in ((1, ()), (2, (edge_to(1),)), (3, (edge_to(2),)), (4, (edge_to("unknown"),)), (5, ())):
            elsewhere.save(a_draft(seed, LARGE + str(seed), edges=edges))
        given = elsewhere.batch_get_by_id(map(an_id, (3, 1, 2, 4, 5)))
        lost = given[1].record.value_blob
        assert lost is not None
        elsewhere.store.delete(lost.key)
        with pytest.raises(BlobNotFoundError, match=rf"(?s)3 of 5 artifacts.*'{repo.name}'.*{lost.key}"):
            repo.batch_put(given)
        assert set(repo.find_records(map(an_id, range(6)))) == {an_id(4), an_id(5)}  # type: ignore[arg-type]
        assert repo.batch_get_values(given[3:]) == [LARGE + "4", LARGE + "5"]

    def test_inputs_that_are_lost_are_done_without(self, repo: BaseRepo) -> None:
        elsewhere = MemoryRepo()
        record = elsewhere.save(replace(a_draft(1, 5), inputs=pack(LARGE, "joblib", {})))
        assert record.inputs_blob is not None
        elsewhere.store.delete(record.inputs_blob.key)
        [stored] = repo.batch_put([elsewhere[record.id]])
        assert (stored.value, stored.record.inputs_blob) == (5, None)

    def test_artifacts_of_several_repos_are_copied_at_once(self, repo: BaseRepo) -> None:
        sources = [MemoryRepo(name=f"source {n}") for n in range(3)]
        given = [Artifact(source.save(a_draft(seed, [LARGE, seed])), source) for seed, source in enumerate(sources)]
        assert repo.batch_get_values(repo.batch_put(given)) == [[LARGE, 0], [LARGE, 1], [LARGE, 2]]

    def test_only_artifacts_of_other_repos_can_be_copied(self, repo: BaseRepo) -> None:
        elsewhere = MemoryRepo()
        given = Artifact(elsewhere.save(a_draft(1)), elsewhere)
        with pytest.raises(InvalidInputsError, match="str"):
            repo.batch_put([given, an_id(2)])
        with pytest.raises(ArtifactNotFoundError, match="without being stored"):
            repo.batch_put([given, Artifact(a_draft(2).record, elsewhere)])
        with pytest.raises(BlobNotFoundError, match=an_id(3)):
            repo.batch_put([Artifact(a_draft(3).record._replace(sequence=1), repo)])
        assert repo.find_records([an_id(1), an_id(2), an_id(3)]) == {}

    def test_threads_that_copy_the_same_in_other_orders_agree(self, repo: BaseRepo) -> None:
        given = _mixed(MemoryRepo(), 40)
        barrier = threading.Barrier(6)

        def put(number: int) -> dict[str, ArtifactRecord]:
            mine = random.Random(number).sample(given, 30)  # noqa: S311  any order will do
            barrier.wait()
            return {one.id: one.record for one in repo.batch_put(mine)}

        with ThreadPoolExecutor(6) as pool:
            results = list(pool.map(put, range(6)))
        assert all(results[0].get(key, record) == record for result in results for key, record in result.items())
        assert repo.batch_get_values(given) == [one.value for one in given]

    # ---- reading

    def test_values_come_in_the_order_of_the_ids(self, repo: BaseRepo) -> None:
        for seed in range(5):
            repo.save(a_draft(seed, [seed] if seed % 2 else [LARGE, seed]))
        asked = [an_id(3), repo[an_id(0)], repo[an_id(4)].proxy(), an_id(0), an_id(1)]
        values = repo.batch_get_values(asked)
        assert values == [[3], [LARGE, 0], [LARGE, 4], [LARGE, 0], [1]]
        assert values[1] is not values[3]
        assert repo.batch_get_values([]) == []
        with pytest.raises(ArtifactNotFoundError, match=an_id("lost")):
            repo.batch_get_values([an_id(1), an_id("lost")])
        self.lose_value(repo, repo[an_id(4)].record)
        with pytest.raises(BlobNotFoundError):
            repo.batch_get_values(asked)

    # ---- deleting

    def test_many_are_deleted_with_the_recipe_keys_of_what_was_made_with_them(self, repo: BaseRepo) -> None:
        for seed in range(6):
            edges = (edge_to(seed - 2),) if seed > 1 else ()
            repo.save(a_draft(seed, [LARGE, seed], edges=edges, recipe=a_recipe(seed)))
        kept, gone = repo[an_id(4)].record.value_blob, repo[an_id(1)].record.value_blob
        assert kept is not None
        assert gone is not None
        repo.batch_delete([an_id(1), repo[an_id(2)].proxy(), an_id("unknown"), an_id(1)])
        assert set(repo.find_records([*map(an_id, range(6))])) == {an_id(0), an_id(3), an_id(4), an_id(5)}
        assert set(repo.find_recipes([*map(a_recipe, range(6))])) == {a_recipe(0)}
        for store in self.stores(repo):
            assert kept.key in store
            assert gone.key not in store
        with pytest.raises(InvalidIdError, match="nonsense"):
            repo.batch_delete([an_id(0), "nonsense"])
        assert an_id(0) in repo
        repo.batch_delete([])

    def test_ten_thousand_in_one_call(self, repo: BaseRepo) -> None:
        given, ids = _ten_thousand()
        stored = repo.batch_put(given)
        assert [one.id for one in stored] == ids
        assert [one.id for one in repo.batch_get_by_id(ids)] == ids
        assert repo.batch_has_values([one.record for one in stored]) == [True] * MANY
        assert repo.batch_get_values(ids[-5:]) == [5] * 5
        assert set(repo.recipes_of(ids)) == {a_recipe(0)}
        assert repo.downstream(ids) == set(ids[1:])
        repo.batch_delete(ids)
        assert repo.find_records(ids) == {}

    # ---- permissions

    def test_batches_need_the_permissions(self, tmp_path: Path) -> None:
        elsewhere = MemoryRepo()
        given = [Artifact(elsewhere.save(a_draft(2)), elsewhere)]
        written = self.make_repo(tmp_path, read=False)
        [stored] = written.batch_put(given)
        assert written.batch_has_values([stored.record]) == [False]
        assert written.recipes_of([stored.id]) == {}
        refused: list[tuple[Callable[[], object], str]] = [
            (lambda: self.make_repo(tmp_path, write=False).batch_put(given), "write: true"),
            (lambda: self.make_repo(tmp_path, delete=False).batch_delete(given), "delete: true"),
        ]
        for call, remedy in refused:
            with pytest.raises(PermissionDeniedError, match=remedy):
                call()


def _mixed(elsewhere: MemoryRepo, count: int) -> Sequence[Artifact]:
    """Artifacts with values in the row and in blobs; some blobs are shared, and every fifth comes from another run."""
    for seed in range(count):
        changes: dict[str, Any] = {"custom_fields": {"n": seed}, "recipe": a_recipe(seed)}
        if seed:
            changes["edges"] = (edge_to(seed - 1), edge_to(seed // 2, "call"))
        if not seed % 5:
            changes["run_id"] = "other"
        draft = a_draft(seed, [seed] if seed % 3 else [LARGE, seed % 2], **changes)
        if seed == count - 1:
            draft = replace(draft, value=pack([LARGE, LARGE], "joblib", {}), value_extension=".x")
        if not seed % 4:
            draft = replace(draft, inputs=pack([LARGE, seed], "joblib", {}))
        elsewhere.save(replace(draft, run=RunRecord("other", {"n": 2}) if not seed % 5 else RUN))
    elsewhere.add_recipes({a_recipe("more"): an_id(7)})
    return elsewhere.batch_get_by_id(map(an_id, range(count)))


@cache
def _ten_thousand() -> tuple[list[Artifact], list[Any]]:
    elsewhere, draft = MemoryRepo(), a_draft(0, 5)
    assert isinstance(draft.value, Buffers)
    for seed in range(MANY):
        edges = (edge_to(0),) if seed else ()
        recipe = None if seed else a_recipe(0)
        elsewhere.save(replace(draft, record=draft.record._replace(id=an_id(seed), edges=edges, recipe=recipe)))
    ids = [an_id(seed) for seed in range(MANY)]
    return elsewhere.batch_get_by_id(ids), ids
