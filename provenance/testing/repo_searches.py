"""What every repo promises about finding artifacts by what is recorded about them."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, cast

import pytest

import provenance as p
from provenance.artifacts.proxy import reference_proxy
from provenance.errors import SerializationError
from provenance.hashing import fingerprint, hash_value
from provenance.repos.base import BaseRepo
from provenance.serializers import pack
from provenance.testing.drafts import LARGE, RUN, WEIRD, a_draft, an_id, edge_to
from provenance.testing.repo_case import RepoCase
from provenance.types import JSON, Durations, InputEdge, RunRecord

NOON = datetime(2026, 5, 3, 12, 0, 0, 123456, tzinfo=UTC)
CONTAINED: list[tuple[dict[str, JSON], Mapping[str, JSON], bool]] = [
    ({"a": 1}, {}, True),
    ({}, {"a": 1}, False),
    ({"a": 1, "b": 2}, {"a": 1}, True),
    ({"a": 1}, {"a": 1, "b": 2}, False),
    ({"a": 1}, {"a": 1.0}, False),
    ({"a": 1.0}, {"a": 1}, False),
    ({"a": 1}, {"a": True}, False),
    ({"a": True}, {"a": 1}, False),
    ({"a": 1}, {"a": "1"}, False),
    ({"a": 0}, {"a": False}, False),
    ({"a": None}, {"a": None}, True),
    ({"b": 1}, {"a": None}, False),
    ({"a": 1.0}, {"a": 1.0}, True),
    ({"a": 1e22}, {"a": 1e22}, True),
    ({"a": 0.1}, {"a": 0.1}, True),
    ({"a": -0.0}, {"a": 0.0}, False),
    ({"a": 2**70}, {"a": 2**70}, True),
    ({"a": 2**70}, {"a": float(2**70)}, False),
    ({"a": {"b": {"c": 1, "d": 2}, "e": 3}}, {"a": {"b": {"d": 2}}}, True),
    ({"a": {"b": 1}}, {"a": {"b": 2}}, False),
    ({"a": {"b": 1}}, {"a": {}}, True),
    ({"a": {}}, {"a": {}}, True),
    ({"a": 1}, {"a": {}}, False),
    ({"a": []}, {"a": {}}, False),
    ({"a": {}}, {"a": []}, False),
    ({"a": {"b": 1}}, {"b": 1}, False),
    ({"a": [1, 2, 3]}, {"a": [3, 1]}, True),
    ({"a": [1, 2, 3]}, {"a": [1, 1]}, True),
    ({"a": [1, 2]}, {"a": [1, 4]}, False),
    ({"a": [1, 2]}, {"a": [1.0]}, False),
    ({"a": [1, 2]}, {"a": []}, True),
    ({"a": []}, {"a": []}, True),
    ({"a": [1]}, {"a": 1}, False),
    ({"a": 1}, {"a": [1]}, False),
    ({"a": [{"b": 1, "c": 2}]}, {"a": [{"c": 2, "b": 1}]}, True),
    ({"a": [{"b": 1, "c": 2}]}, {"a": [{"b": 1}]}, False),
    ({"a": [[1, 2]]}, {"a": [[1, 2]]}, True),
    ({"a": [[1, 2]]}, {"a": [[2, 1]]}, False),
    ({"a.b": 1}, {"a": {"b": 1}}, False),
    ({'a"b': "c'd"}, {'a"b': "c'd"}, True),
    ({"a%": "50%_"}, {"a%": "50%_"}, True),
    ({"a": "50"}, {"a": "5%"}, False),
    ({"a": WEIRD}, {"a": "\n".join(WEIRD.split("\n"))}, True),
    ({"": {"": ""}}, {"": {"": ""}}, True),
    ({"a": ["object"]}, {"a": {"object": None}}, False),
]


class SearchContract(RepoCase):
    """Tests of `provenance.find`."""

    @staticmethod
    def seeds(found: p.Found[p.ArtifactRow], most: int = 100) -> list[int]:
        """The seeds that the artifacts were made of, in the order of the rows."""
        by_id = {an_id(seed): seed for seed in range(most)}
        return [by_id[row.id] for row in found]

    # ---- what is looked for

    def test_everything_is_found_the_newest_first(self, repo: BaseRepo) -> None:
        assert list(p.find(repo=repo)) == []
        assert not p.find(repo=repo)
        for seed in (3, 1, 2):
            repo.save(a_draft(seed))
        assert self.seeds(p.find(repo=repo)) == [2, 1, 3]
        assert p.find(repo=repo)

    def test_by_name_version_function_and_run(self, repo: BaseRepo) -> None:
        other = RunRecord("other run", {})
        repo.save(a_draft(1, name="f", version=1, fn_module="m.n", fn_name="C.f"))
        repo.save(a_draft(2, name="f", version="1", fn_module="m", fn_name="n.C.f"))
        repo.save(a_draft(3, name="F", version=1, fn_module="other", fn_name="C.f"))
        repo.save(replace(a_draft(4, name=WEIRD, fn_module=WEIRD, fn_name=WEIRD, version=WEIRD), run=other))
        repo.save(replace(a_draft(5, run_id=other.id), run=other))
        cases: list[tuple[dict[str, Any], list[int]]] = [
            ({"name": "f"}, [5, 2, 1]),
            ({"name": "f", "version": 1}, [1]),
            ({"version": "1"}, [2]),
            ({"version": 1}, [3, 1]),
            ({"fn": "C.f"}, [3, 1]),
            ({"fn": "m.n:C.f"}, [1]),
            ({"fn": "m:n.C.f"}, [2]),
            ({"fn": "m.n.C.f"}, [2, 1]),
            ({"fn": "other.C.f"}, [3]),
            ({"fn": "nothing.C.f"}, []),
            ({"fn": "C.f", "name": "F"}, [3]),
            ({"name": WEIRD}, [4]),
            ({"fn": WEIRD}, [4]),
            ({"fn": f"{WEIRD}:{WEIRD}"}, [4]),
            ({"version": WEIRD, "name": WEIRD}, [4]),
            ({"run": other.id}, [5]),
            ({"run": RUN.id, "version": 1}, [3, 1]),
            ({"run": WEIRD}, []),
        ]
        for asked, seeds in cases:
            assert self.seeds(p.find(**asked, repo=repo)) == seeds, asked

    def test_by_the_function_itself(self, repo: BaseRepo) -> None:
        def plain() -> None: ...

        decorated = p.provenance(version=3, name="another name")(plain)
        repo.save(a_draft(1, fn_module=__name__, fn_name=plain.__qualname__))
        repo.save(a_draft(2, fn_module=__name__, fn_name=f"{plain.__qualname__}2"))
        for fn in (plain, decorated):
            assert self.seeds(p.find(fn=fn, repo=repo)) == [1]
        assert self.seeds(p.find(fn=self.test_by_the_function_itself, repo=repo)) == []

    def test_by_custom_fields_that_contain_others(self, repo: BaseRepo) -> None:
        for seed, (stored, _, _) in enumerate(CONTAINED):
            repo.save(a_draft(seed, name=f"case {seed}", custom_fields=stored))
        for seed, (stored, wanted, is_contained) in enumerate(CONTAINED):
            found = p.find(name=f"case {seed}", custom_fields=wanted, repo=repo)
            assert self.seeds(found) == [seed] * is_contained, (stored, wanted)
            assert found.count() == is_contained
            contained = [row.custom_fields for row in p.find(custom_fields=wanted, repo=repo)]
            assert (stored in contained) >= is_contained

    def test_by_tags(self, repo: BaseRepo) -> None:
        repo.save(a_draft(1, custom_fields={"tags": ["a", "b"], "n": 1}))
        repo.save(a_draft(2, custom_fields={"tags": ["b"], "n": 1}))
        repo.save(a_draft(3, custom_fields={"tags": "a", "n": 1}))
        assert self.seeds(p.find(tags="a", repo=repo)) == [1]
        assert self.seeds(p.find(tags=["b"], repo=repo)) == [2, 1]
        assert self.seeds(p.find(tags={"b", "a"}, repo=repo)) == [1]
        assert self.seeds(p.find(tags="b", custom_fields={"n": 1, "tags": ["a"]}, repo=repo)) == [1]
        assert self.seeds(p.find(tags=[], repo=repo)) == [3, 2, 1]
        assert self.seeds(p.find(tags="ab", repo=repo)) == []

    def test_by_inputs(self, repo: BaseRepo) -> None:
        repo.save(a_draft(1, input_hashes={"kargs['x']": hash_value(3), "kargs['y']": hash_value("a")}))
        repo.save(a_draft(2, input_hashes={"kargs['x']": hash_value(3.0), "varargs[0]": hash_value(3)}))
        repo.save(a_draft(3, input_hashes={"kargs['z']": hash_value(3), f"kargs[{WEIRD!r}]": hash_value([3])}))
        cases: list[tuple[dict[Any, object], list[int]]] = [
            ({"x": 3}, [1]),
            ({"x": 3.0}, [2]),
            ({"x": 3, "y": "a"}, [1]),
            ({"x": 3, "y": "b"}, []),
            ({0: 3}, [2]),
            ({1: 3}, []),
            ({WEIRD: [3]}, [3]),
            ({}, [3, 2, 1]),
        ]
        for asked, seeds in cases:
            assert self.seeds(p.find(inputs=asked, repo=repo)) == seeds, asked

    def test_inputs_are_not_loaded(self, repo: BaseRepo) -> None:
        made = repo.save(a_draft(1, LARGE))
        repo.save(a_draft(2, input_hashes={"kargs['x']": fingerprint(LARGE).digest}))
        self.lose_value(repo, made)
        with p.using_repo(repo):
            row = p.find(inputs={}, name="f")[-1]
            for given in (repo[an_id(1)].proxy(), repo[an_id(1)], row, reference_proxy(an_id(1))):
                assert self.seeds(p.find(inputs={"x": given})) == [2]

    def test_by_an_input_artifact(self, repo: BaseRepo) -> None:
        repo.save(a_draft(1))
        repo.save(a_draft(2, edges=(edge_to(1), InputEdge("kargs['b'][0]", an_id(1)), edge_to("elsewhere"))))
        repo.save(a_draft(3, edges=(edge_to(2),)))
        repo.save(a_draft(4, edges=(edge_to(1, "call"), edge_to(1, "result"))))
        repo.save(a_draft(5, edges=(edge_to(1),), custom_fields={"n": 1}))
        one = repo[an_id(1)]
        for given in (an_id(1), one, one.proxy(), next(iter(p.find(order_by="sequence", repo=repo)))):
            assert self.seeds(p.find(input_artifact=given, repo=repo)) == [5, 2]
        assert self.seeds(p.find(input_artifact=an_id("elsewhere"), repo=repo)) == [2]
        assert self.seeds(p.find(input_artifact=one, custom_fields={"n": 1}, repo=repo)) == [5]
        assert p.find(input_artifact=an_id("nothing"), repo=repo).count() == 0

    def test_by_labels_of_sets_they_are_members_of(self, repo: BaseRepo) -> None:
        ids = [repo.save(a_draft(seed, name="fg"[seed % 2])).id for seed in range(5)]
        many: dict[str, JSON] = {f"key '{n}%": f'value "{n}"' for n in range(300)}
        first = repo.put_set(p.ArtifactSet(ids[:2], {"name": "it's 100%", "n": 1}))
        repo.put_set(first.relabel(many))
        repo.put_set(p.ArtifactSet(ids[1:4], {"name": "it's 100%", "n": True}))
        repo.put_set(p.ArtifactSet([ids[4]]))
        cases: list[tuple[dict[str, Any], list[int]]] = [
            ({"label": "it's 100%"}, [3, 2, 1, 0]),
            ({"labels": "it's 100%", "name": "f"}, [2, 0]),
            ({"label": "it's 100%", "labels": {"n": 1}}, [1, 0]),
            ({"labels": {"n": True}}, [3, 2, 1]),
            ({"labels": many}, [1, 0]),
            ({"labels": {**many, "one": "more"}}, []),
            ({"labels": {}}, [3, 2, 1, 0]),
            ({"label": "it's 100_"}, []),
            ({"label": "it's 100%", "order_by": "sequence", "limit": 2}, [0, 1]),
        ]
        for asked, seeds in cases:
            found = p.find(**asked, repo=repo)
            assert self.seeds(found) == seeds, asked
            assert found.count() == len(seeds)

    def test_by_time(self, repo: BaseRepo) -> None:
        for seed, hours in enumerate((-24, -1, 0, 1, 36)):
            repo.save(a_draft(seed, computed_at=NOON + timedelta(hours=hours)))
        east = timezone(timedelta(hours=2))
        moment = timedelta(microseconds=1)
        cases: list[tuple[dict[str, Any], list[int]]] = [
            ({"since": NOON}, [4, 3, 2]),
            ({"until": NOON}, [1, 0]),
            ({"since": NOON + moment}, [4, 3]),
            ({"until": NOON + moment}, [2, 1, 0]),
            ({"since": NOON.astimezone(east), "until": "2026-05-03T13:00:00.123456Z"}, [2]),
            ({"since": date(2026, 5, 3), "until": date(2026, 5, 4)}, [3, 2, 1]),
            ({"since": "2026-05-03", "until": "2026-05-04"}, [3, 2, 1]),
            ({"since": "2026-05-03T14:00:00.123456+02:00"}, [4, 3, 2]),
            ({"since": NOON, "until": NOON}, []),
            ({"since": datetime.min.replace(tzinfo=UTC), "until": datetime.max.replace(tzinfo=UTC)}, [4, 3, 2, 1, 0]),
            ({"since": "0001-01-01", "until": "0999-12-31"}, []),
        ]
        for asked, seeds in cases:
            assert self.seeds(p.find(**asked, repo=repo)) == seeds, asked
            assert self.seeds(p.find(**asked, name="f", order_by="computed_at", repo=repo)) == seeds[::-1], asked

    def test_a_text_is_never_a_pattern(self, repo: BaseRepo) -> None:
        repo.save(a_draft(1, name="a_b%"))
        for text in ("a_b%", "axb%", "a_b%%", "%", "A_B%", "a_b% ", "a_b%'; --"):
            assert self.seeds(p.find(name=text, repo=repo)) == [1] * (text == "a_b%")

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
        assert seen == [an_id(seed) for seed in range(419, -1, -1) if seed != 100]

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
