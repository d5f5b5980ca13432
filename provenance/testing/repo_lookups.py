"""What every repo promises about finding and storing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from provenance._util.payload import Streamed
from provenance.errors import (
    ArtifactNotFoundError,
    BlobNotFoundError,
    InvalidIdError,
)
from provenance.hashing import fingerprint
from provenance.repos.base import BaseRepo
from provenance.testing.drafts import LARGE, NO_IDS, a_draft, a_recipe, an_id, edge_to
from provenance.testing.repo_case import RepoCase
from provenance.types import ArtifactRecord, BlobKey, BlobRef


class LookupContract(RepoCase):
    """Tests of look-ups, of callers that store at once, and of recipe keys."""

    # ---- looking up

    def test_a_batch_keeps_the_order(self, repo: BaseRepo) -> None:
        ids = [repo.save(a_draft(seed, seed)).id for seed in range(20)]
        for asked in (ids[::-1], [ids[3], ids[1], ids[3]], []):
            assert [artifact.id for artifact in repo.batch_get_by_id(asked)] == asked
        assert [artifact.id for artifact in repo.batch_get_by_id(iter(ids))] == ids
        with pytest.raises(ArtifactNotFoundError, match=f"{an_id('no')}.*{an_id('neither')}"):
            repo.batch_get_by_id([ids[0], an_id("no"), ids[1], an_id("neither")])
        with pytest.raises(ArtifactNotFoundError, match="and 95 more"):
            repo.batch_get_by_id(map(an_id, range(1000, 1100)))

    def test_a_thousand_ids_are_one_batch(self, repo: BaseRepo) -> None:
        stored = [repo.save(a_draft(seed)).id for seed in range(30)]
        asked = [*map(an_id, range(1000, 2000)), *stored]
        assert set(repo.find_records(asked)) == set(stored)
        recipes = [a_recipe(seed) for seed in range(1000)]
        repo.add_recipes(dict.fromkeys(recipes, stored[0]))
        assert set(repo.find_recipes([*recipes, a_recipe("no")])) == set(recipes)

    def test_ids_may_come_in_artifacts_and_proxies(self, repo: BaseRepo) -> None:
        repo.save(a_draft(1, 5))
        artifact = repo.get_by_id(an_id(1))
        proxy = artifact.proxy()
        assert repo[artifact] == repo[proxy] == repo[an_id(1)] == artifact
        assert artifact in repo
        assert proxy in repo
        assert an_id(1) in repo
        assert repo.get_value(proxy) == 5
        assert [*map(bool, [an_id(2) in repo])] == [False]
        assert artifact.repo is repo

    @pytest.mark.parametrize("bad", NO_IDS, ids=repr)
    def test_what_is_no_id_is_refused(self, repo: BaseRepo, bad: Any) -> None:
        for call in (repo.get_by_id, repo.get_value, repo.get_inputs, repo.delete, repo.get_by_value_id):
            with pytest.raises(InvalidIdError, match=r"64 lower-case hex digits|expected an artifact"):
                call(bad)
        of_sets: list[Callable[[object], object]] = [repo.get_set_by_id, repo.contains_set, repo.delete_set]
        for of_set in of_sets:
            with pytest.raises(InvalidIdError, match="not a valid set id"):
                of_set(bad)
        assert bad not in repo

    def test_what_is_not_there_is_an_error_that_names_it(self, repo: BaseRepo) -> None:
        for call in (repo.get_by_id, repo.__getitem__, repo.get_value, repo.get_inputs, repo.get_by_value_id):
            with pytest.raises(ArtifactNotFoundError, match=an_id(1)):
                call(an_id(1))

    def test_a_repo_is_no_sequence(self, repo: BaseRepo) -> None:
        with pytest.raises(TypeError):
            iter(repo)

    def test_of_several_artifacts_with_a_value_the_one_stored_last_is_found(self, repo: BaseRepo) -> None:
        now = datetime.now(UTC).replace(microsecond=123456)
        for seed, age in ((3, 0), (1, 1), (2, 2)):  # the clock goes backwards
            repo.save(a_draft(seed, "same", computed_at=now - timedelta(days=age)))
        found = repo.get_by_value_id(fingerprint("same").digest)
        assert found.id == an_id(2)
        assert found.computed_at == now - timedelta(days=2)

    # ---- storing

    def test_a_second_save_gives_the_first_record(self, repo: BaseRepo) -> None:
        first = repo.save(a_draft(1, LARGE, name="first"))
        assert repo.save(a_draft(1, LARGE, name="second")) == first
        assert repo.save(a_draft(1, "another value")) == first
        assert repo.get_value(an_id(1)) == LARGE

    def test_of_sixteen_threads_one_wins_and_all_get_its_record(self, repo: BaseRepo) -> None:
        barrier = threading.Barrier(16)

        def save(number: int) -> ArtifactRecord:
            barrier.wait()
            return repo.save(a_draft("raced", LARGE, name=str(number), edges=(edge_to(number),)))

        with ThreadPoolExecutor(16) as pool:
            records = list(pool.map(save, range(16)))
        assert all(record == records[0] for record in records)
        assert repo.find_records([an_id("raced")]) == {an_id("raced"): records[0]}
        assert repo.get_value(an_id("raced")) == LARGE

    def test_threads_store_and_read_different_artifacts(self, repo: BaseRepo) -> None:
        def work(number: int) -> bool:
            seeds = [(number * 7 + step) % 50 for step in range(25)]
            records = [repo.save(a_draft(seed, seed, edges=(edge_to(seed + 1),))) for seed in seeds]
            values = [repo.load_value(record) for record in records]
            return values == seeds and set(repo.find_records([record.id for record in records])) == set(
                map(an_id, seeds)
            )

        with ThreadPoolExecutor(16) as pool:
            assert all(pool.map(work, range(16)))

    @pytest.mark.parametrize("part", ["value", "inputs"])
    def test_there_is_no_row_without_its_bytes(self, repo: BaseRepo, part: str) -> None:
        def fail(_: object) -> None:
            raise ZeroDivisionError

        draft = a_draft(1, recipe=a_recipe(1))
        broken = replace(draft, value=Streamed(fail)) if part == "value" else replace(draft, inputs=Streamed(fail))
        with pytest.raises(ZeroDivisionError):
            repo.save(broken)
        assert an_id(1) not in repo
        assert repo.find_recipes([a_recipe(1)]) == {}

    def test_a_value_that_lies_in_the_store_already_is_referred_to(self, repo: BaseRepo) -> None:
        first = repo.save(a_draft(1, LARGE))
        again = a_draft(2, LARGE, value_blob=first.value_blob, value_inline=first.value_inline)
        second = repo.save(replace(again, value=None))
        assert second.value_blob == first.value_blob
        assert repo.get_value(second.id) == LARGE

    def test_a_value_that_should_lie_in_the_store_but_does_not_is_refused(self, repo: BaseRepo) -> None:
        lost = BlobRef(BlobKey(an_id("lost") + ".x"), 5)
        with pytest.raises(BlobNotFoundError, match=lost.key):
            repo.save(replace(a_draft(1, 5, value_blob=lost), value=None))
        assert an_id(1) not in repo

    # ---- recipe keys

    def test_recipe_keys_lead_to_artifacts(self, repo: BaseRepo) -> None:
        one = repo.save(a_draft(1, recipe=a_recipe(1)))
        two = repo.save(a_draft(2, recipe=a_recipe(2)))
        repo.add_recipes({a_recipe("other"): one.id, a_recipe("lost"): an_id("unknown")})
        repo.add_recipes({})
        keys = [a_recipe(key) for key in (1, 2, "other", "lost", "unknown")]
        assert repo.find_recipes(keys) == {a_recipe(1): one, a_recipe(2): two, a_recipe("other"): one}

    def test_a_recipe_key_leads_to_what_it_led_to_last(self, repo: BaseRepo) -> None:
        repo.save(a_draft(1, recipe=a_recipe(1)))
        two = repo.save(a_draft(2, recipe=a_recipe(1)))
        assert repo.find_recipes([a_recipe(1)]) == {a_recipe(1): two}
        repo.add_recipes({a_recipe(1): an_id(1)})
        assert repo.find_recipes([a_recipe(1)])[a_recipe(1)].id == an_id(1)

    def test_a_second_save_records_its_recipe_key(self, repo: BaseRepo) -> None:
        repo.save(a_draft(1, recipe=a_recipe(1)))
        repo.save(a_draft(1, recipe=a_recipe(2)))
        assert set(repo.find_recipes([a_recipe(1), a_recipe(2)])) == {a_recipe(1), a_recipe(2)}
