"""What every repo promises about finding artifacts by what is recorded about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import provenance as p
from provenance.artifacts.proxy import reference_proxy
from provenance.hashing import fingerprint, hash_value
from provenance.repos.base import BaseRepo
from provenance.testing.drafts import LARGE, RUN, WEIRD, a_draft, an_id, edge_to
from provenance.testing.repo_case import RepoCase
from provenance.types import JSON, InputEdge, RunRecord

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
        for seed, tags in enumerate((["x", "y", "z"], ["x", "y"], ["y", "z"], ["x", "z"]), start=10):
            repo.save(a_draft(seed, custom_fields={"tags": tags}))
        assert self.seeds(p.find(tags=["x", "y", "z"], repo=repo)) == [10]

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
