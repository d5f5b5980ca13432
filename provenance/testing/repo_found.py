"""What every repo promises about the rows that a search finds: their order, their pages, and what they say."""

from __future__ import annotations

import pickle
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

import provenance as p
from provenance.errors import SerializationError
from provenance.repos.base import BaseRepo
from provenance.serializers import pack
from provenance.testing.drafts import LARGE, a_draft, an_id, edge_to
from provenance.testing.repo_case import RepoCase
from provenance.types import Durations

NOON = datetime(2026, 5, 3, 12, 0, 0, 123456, tzinfo=UTC)


class FoundContract(RepoCase):
    """Tests of what `provenance.find` gives, and of `provenance.progeny`."""

    # ---- in which order, and how many

    def test_in_every_order(self, repo: BaseRepo) -> None:
        names = ["b", "B", "a\0", "é", "a", "\ufffe", "b", "\U0001f389", "\ud800", "z"]
        for seed, name in enumerate(names):
            repo.save(
                a_draft(
                    seed,
                    "x" * (seed % 4) if seed % 3 else LARGE,
                    name=name,
                    computed_at=NOON + timedelta(hours=seed * 7 % 10),
                    durations=Durations(compute=seed * 3 % 5),
                )
            )
        rows = list(p.find(order_by="sequence", repo=repo))
        assert self.seeds(p.find(order_by="sequence", repo=repo)) == list(range(10))
        for column in ("sequence", "computed_at", "name", "compute_duration", "size"):
            expected = sorted(rows, key=lambda row: (_by_bytes(row.order_value(column)), row.sequence))
            for limit in (None, 10, 3):
                up = p.find(order_by=column, limit=limit, repo=repo)
                down = p.find(order_by=f"-{column}", limit=limit, repo=repo)
                assert list(up) == expected[:limit]
                if limit is None or column in {"sequence", "computed_at"}:
                    assert list(down) == expected[::-1][:limit]
                assert up.count() == len(up) == len(expected[:limit])
        assert list(p.find(repo=repo, limit=0)) == []
        assert p.find(repo=repo, limit=0).count() == 0
        assert p.find(repo=repo, limit=0).first() is None

    @pytest.mark.parametrize("order_by", ["sequence", "-sequence", "-computed_at", "name", "size"])
    def test_pages_have_every_row_once(self, repo: BaseRepo, order_by: str) -> None:
        for seed in range(450):
            day = NOON + timedelta(days=seed % 3)  # many have the same
            repo.save(a_draft(seed, name=str(seed % 2), custom_fields={"n": seed % 5}, computed_at=day))
        everything = p.find(order_by=order_by, repo=repo)
        assert len({row.id for row in everything}) == len(list(everything)) == everything.count() == 450
        some = p.find(name="1", custom_fields={"n": 3}, order_by=order_by, repo=repo)
        assert sorted(self.seeds(some, 450)) == [seed for seed in range(450) if seed % 2 and seed % 5 == 3]
        assert list(p.find(order_by=order_by, limit=401, repo=repo)) == list(everything)[:401]

    def test_what_is_stored_or_deleted_meanwhile_moves_no_page(self, repo: BaseRepo) -> None:
        for seed in range(420):
            repo.save(a_draft(seed, custom_fields={"n": 1}))
        rows = iter(p.find(custom_fields={"n": 1}, repo=repo))
        seen = [next(rows).id for _ in range(10)]
        repo.save(a_draft(1000, custom_fields={"n": 1}))
        for seed in (415, 100):  # one that was seen, and one that was not
            repo.delete(an_id(seed))
        seen += [row.id for row in rows]
        # What is deleted before its page is fetched is not there.
        assert [key for key in seen if key != an_id(100)] == [an_id(seed) for seed in range(419, -1, -1) if seed != 100]

    def test_each_loop_searches_anew(self, repo: BaseRepo) -> None:
        found = p.find(tags="a", repo=repo)
        repo.save(a_draft(1, custom_fields={"tags": ["a"]}))
        assert self.seeds(found) == [1]
        repo.save(a_draft(2, custom_fields={"tags": ["a"]}))
        assert self.seeds(found) == [2, 1]
        repo.delete(an_id(1))
        assert self.seeds(found) == [2]
        assert found.first() == found[0] == found[:5][0] == found[-1] == next(iter(found))
        assert found[1:] == found[:0] == []
        with pytest.raises(IndexError, match="no row 1"):
            found[1]

    # ---- what is found

    def test_a_row_says_what_is_recorded(self, repo: BaseRepo) -> None:
        durations = Durations(0.5, 1.5, 2.5, 3.5)
        large = repo.save(
            a_draft(
                1,
                LARGE,
                version="1",
                composite=True,
                value_type="str",
                custom_fields={"tags": ["x"], "n": [1.0, None]},
                input_hashes={"kargs['a']": an_id("a")},
                durations=durations,
                computed_at=NOON,
            )
        )
        small = repo.save(a_draft(2, 5))
        row, other = p.find(order_by="sequence", repo=repo)
        same = [
            "id",
            "value_id",
            "name",
            "version",
            "fn_module",
            "fn_name",
            "value_type",
            "serializer",
            "composite",
            "custom_fields",
            "input_hashes",
            "run_id",
            "computed_at",
            "durations",
        ]
        assert [getattr(row, field) for field in same] == [getattr(large, field) for field in same]
        assert large.value_blob is not None
        assert small.value_inline is not None
        assert (row.size, other.size) == (large.value_blob.size, len(small.value_inline))
        assert (row.tags, other.tags) == (["x"], [])
        assert row.artifact.repo is repo
        assert row.artifact.value == cast("Any", row.proxy()) == LARGE
        assert other.sequence > row.sequence
        again = pickle.loads(pickle.dumps(row))  # noqa: S301  it was made here
        assert again == row
        with p.using_repo(repo):
            assert again.artifact.id == p.load_proxy(row).artifact.id == row.id

    def test_rows_are_artifacts_to_whoever_wants_some(self, repo: BaseRepo) -> None:
        for seed in range(3):
            repo.save(a_draft(seed, seed, custom_fields={"n": seed % 2}))
        with p.using_repo(repo):
            chosen = p.create_set(p.find(custom_fields={"n": 0}), labels="even")
            assert set(chosen) == {an_id(0), an_id(2)}
            assert p.find()[0] in chosen
            assert cast("Any", p.load_proxy(p.find()[0])) == 2

    def test_nothing_is_unpickled(self, repo: BaseRepo) -> None:
        repo.save(replace(a_draft(1), value=pack(_Explosive(), "cloudpickle", {})))
        with pytest.raises(SerializationError, match="ZeroDivisionError"):
            repo.get_value(an_id(1))
        found = p.find(name="f", repo=repo)
        assert len(list(found)) == found.count() == 1
        assert "1" in found._repr_html_()

    def test_a_replaced_artifact_is_found_by_what_replaced_it(self, repo: BaseRepo) -> None:
        old = repo.save(a_draft(1, LARGE, custom_fields={"tags": ["old"]}, edges=(edge_to("old"),)))
        assert self.seeds(p.find(tags="old", repo=repo)) == [1]
        self.lose_value(repo, old)
        repo.save(a_draft(1, "other", custom_fields={"tags": ["new"]}, edges=(edge_to("new"),)))
        asked: list[dict[str, Any]] = [{"tags": "old"}, {"input_artifact": an_id("old")}]
        for term in asked:
            assert self.seeds(p.find(**term, repo=repo)) == []
        for term in ({"tags": "new"}, {"input_artifact": an_id("new")}):
            assert self.seeds(p.find(**cast("Any", term), repo=repo)) == [1]

    def test_a_deleted_artifact_is_found_no_more(self, repo: BaseRepo) -> None:
        for seed in (1, 2):
            repo.save(a_draft(seed, custom_fields={"tags": ["a"]}))
        assert p.find(tags="a", repo=repo).count() == 2
        repo.delete(an_id(1))
        assert self.seeds(p.find(tags="a", repo=repo)) == [2]
        assert p.find(tags="a", repo=repo).count() == 1

    # ---- progeny

    def test_progeny_is_everything_that_was_made_with_an_artifact(self, repo: BaseRepo) -> None:
        edges = {0: (), 1: (0,), 2: (0,), 3: (1, 2), 4: (3, 0), 5: ("elsewhere",), 6: (5,)}
        for seed, inputs in edges.items():
            kinds = ("call", "result") if seed == 4 else ("input",) * 2
            repo.save(
                a_draft(
                    seed, edges=tuple(edge_to(one, cast("Any", kind)) for one, kind in zip(inputs, kinds, strict=False))
                )
            )
        with p.using_repo(repo):
            assert [one.id for one in p.progeny(an_id(3))] == [an_id(3), an_id(4)]
            for start in (an_id(0), repo[an_id(0)], repo[an_id(0)].proxy(), p.find(order_by="sequence")[0]):
                found = [one.id for one in p.progeny(start)]
                assert set(found) == {an_id(seed) for seed in range(5)}
                assert found[0] == an_id(0)
                assert found.index(an_id(3)) > max(found.index(an_id(1)), found.index(an_id(2)))
                assert found[-1] == an_id(4)
            assert {one.id for one in p.progeny([an_id(2), an_id(5)])} == {an_id(seed) for seed in (2, 3, 4, 5, 6)}
            with pytest.raises(p.ArtifactNotFoundError):
                p.progeny(an_id("elsewhere"))


class _Explosive:
    def __reduce__(self) -> tuple[object, ...]:
        return divmod, (1, 0)


def _by_bytes(value: object) -> object:
    from provenance.repos.storable_text import storable_text  # noqa: PLC0415  the order of names goes by it

    return storable_text(value).encode() if isinstance(value, str) else value
