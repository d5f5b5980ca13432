"""What every repo promises about finding sets and runs."""

from __future__ import annotations

import pickle
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import provenance as p
from provenance.repos.base import BaseRepo
from provenance.testing.drafts import RUN, WEIRD, a_draft, an_id
from provenance.testing.repo_case import RepoCase
from provenance.types import RunRecord


class SetSearchContract(RepoCase):
    """Tests of `provenance.sets` and `provenance.runs`."""

    def test_sets_are_found_by_labels_members_and_time(self, repo: BaseRepo) -> None:
        one, two = (repo.save(a_draft(seed)).id for seed in (1, 2))
        start = datetime(2026, 5, 3, tzinfo=UTC)
        sets = [
            p.ArtifactSet([one], {"name": "a", "n": 1}),
            p.ArtifactSet([one, two], {"name": "b", "n": 1}),
            p.ArtifactSet([two]),
            p.ArtifactSet([], {"name": 'it\'s "100%"'}),
        ]
        for day, artifact_set in enumerate(sets):
            repo.save_set(replace(artifact_set.to_record(), created_at=start + timedelta(days=day)))
        repo.put_set(sets[0].relabel({"name": "c"}))
        numbers = {artifact_set.id: number for number, artifact_set in enumerate(sets)}
        cases: list[tuple[dict[str, Any], list[int]]] = [
            ({}, [3, 2, 1, 0]),
            ({"label": "a"}, [0]),
            ({"label": "c"}, [0]),
            ({"labels": {"n": 1}}, [1, 0]),
            ({"labels": {"n": True}}, []),
            ({"labels": {}}, [3, 1, 0]),
            ({"label": 'it\'s "100%"'}, [3]),
            ({"artifact": one}, [1, 0]),
            ({"artifact": repo[two], "labels": {"n": 1}}, [1]),
            ({"artifact": an_id("no")}, []),
            ({"since": start + timedelta(days=1)}, [3, 2, 1]),
            ({"since": "2026-05-04", "until": "2026-05-05"}, [1]),
            ({"order_by": "sequence"}, [0, 1, 2, 3]),
            ({"order_by": "-created_at", "limit": 2}, [3, 2]),
            ({"limit": 0}, []),
        ]
        for asked, expected in cases:
            found = p.sets(**asked, repo=repo)
            assert [numbers[row.id] for row in found] == expected, asked
            assert found.count() == len(expected)

    def test_a_row_of_a_set_says_what_is_stored(self, repo: BaseRepo) -> None:
        one, two = (repo.save(a_draft(seed)).id for seed in (1, 2))
        stored = repo.put_set(p.ArtifactSet([one, two], {"name": WEIRD.replace("\ud800", "")}))
        repo.put_set(stored.relabel({"n": 2}))
        repo.put_set(p.ArtifactSet([one]))
        unlabelled, row = p.sets(repo=repo)
        assert (unlabelled.labels, unlabelled.size) == (None, 1)
        assert (row.id, row.size, row.labels, row.created_at) == (stored.id, 2, {"n": 2}, stored.created_at)
        assert repo.get_set_by_id(row).id == stored.id
        assert pickle.loads(pickle.dumps(row)) == row  # noqa: S301  it was made here

    def test_many_sets_come_in_pages(self, repo: BaseRepo) -> None:
        for seed in range(210):
            repo.put_set(p.ArtifactSet([], {"n": seed}) if seed % 2 else p.ArtifactSet([repo.save(a_draft(seed)).id]))
        found = p.sets(repo=repo, order_by="created_at")
        assert len({row.id for row in found}) == len(list(found)) == found.count() == 106

    def test_runs_are_found_by_what_is_recorded_about_them(self, repo: BaseRepo) -> None:
        before = datetime.now(UTC) - timedelta(seconds=2)
        infos: list[dict[str, Any]] = [
            {"host": "a", "argv": ["x", "y"], "git": {"ref": "main", "dirty": False}},
            {"host": "b", "argv": ["y"], "pid": 1},
            {"host": "b", WEIRD: WEIRD},
        ]
        for number, info in enumerate(infos):
            run = RunRecord(f"run {number}", info)
            repo.save(replace(a_draft(number, run_id=run.id), run=run))
        cases: list[tuple[dict[str, Any], set[int]]] = [
            ({}, {0, 1, 2}),
            ({"host": "b"}, {1, 2}),
            ({"host": "b", "info": {"pid": 1}}, {1}),
            ({"info": {"pid": True}}, set()),
            ({"info": {"argv": ["y"]}}, {0, 1}),
            ({"info": {"git": {"dirty": False}}}, {0}),
            ({"info": {WEIRD: WEIRD}}, {2}),
            ({"since": before}, {0, 1, 2}),
            ({"until": before}, set()),
            ({"since": datetime.now(UTC) + timedelta(seconds=2)}, set()),
        ]
        for asked, numbers in cases:
            found = p.runs(**asked, repo=repo)
            assert {row.id for row in found} == {f"run {number}" for number in numbers}, asked
            assert found.count() == len(numbers)
        rows = list(p.runs(repo=repo))
        assert [row.id for row in p.runs(order_by="recorded_at", repo=repo)] == [row.id for row in rows[::-1]]
        assert list(p.runs(limit=2, repo=repo)) == rows[:2]
        row = p.runs(host="a", repo=repo)[0]
        assert (row.host, row.info) == ("a", infos[0])
        assert repo.find_run(row.id) == row.record
        assert [found.id for found in p.find(run=row, repo=repo)] == [an_id(0)]
        assert pickle.loads(pickle.dumps(row)) == row  # noqa: S301  it was made here

    def test_a_run_is_one_row_however_many_artifacts_it_made(self, repo: BaseRepo) -> None:
        for seed in range(3):
            repo.save(a_draft(seed))
        assert [row.id for row in p.runs(repo=repo)] == [RUN.id]

    def test_in_a_repo_that_may_not_be_read_nothing_is_found(self, tmp_path: Path) -> None:
        repo = self.make_repo(tmp_path, read=False)
        repo.save(a_draft(1))
        for found in (p.find(repo=repo), p.find(name="f", repo=repo), p.sets(repo=repo), p.runs(repo=repo)):
            assert list(found) == []
            assert found.count() == 0
            assert found.first() is None

    @pytest.mark.parametrize("search", [p.find, p.sets, p.runs], ids=lambda search: search.__name__)
    def test_found_rows_are_a_data_frame(self, repo: BaseRepo, search: Any) -> None:
        assert list(search(repo=repo).to_pandas()["id"]) == []
        repo.save(a_draft(1, custom_fields={"tags": ["a"]}))
        repo.put_set(p.ArtifactSet([an_id(1)], "one"))
        frame = search(repo=repo).to_pandas()
        assert list(frame["id"]) == [search(repo=repo)[0].id]
        if search is p.find:
            assert list(frame["tags"]) == [["a"]]
            assert {"compute_duration", "computed_at", "size"} <= set(frame)
