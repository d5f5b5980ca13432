"""What every repo promises about artifact sets."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import provenance as p
from provenance.errors import (
    ArtifactNotFoundError,
    InvalidLabelsError,
    PermissionDeniedError,
    SetNotFoundError,
)
from provenance.repos.base import BaseRepo
from provenance.repos.labellings import History, Labelling
from provenance.repos.memory import MemoryRepo
from provenance.testing.drafts import a_draft, an_id
from provenance.testing.repo_case import RepoCase


class SetContract(RepoCase):
    """Tests of artifact sets."""

    # ---- sets

    def test_a_set_comes_back(self, repo: BaseRepo) -> None:
        members = [repo.save(a_draft(seed)).id for seed in range(3)]
        stored = repo.put_set(p.ArtifactSet(members, {"name": "job", "n": 1}))
        assert repo.contains_set(stored.id)
        assert repo.contains_set(stored)
        assert repo.get_set_by_id(stored.id) == repo.get_set_by_labels("job") == stored
        assert set(repo.get_set_by_id(stored)) == set(members)
        assert stored.created_at is not None
        assert repo.get_set_by_id(stored.id).created_at == stored.created_at
        unlabelled = repo.put_set(p.ArtifactSet(members[:1]))
        empty = repo.put_set(p.ArtifactSet([], "empty"))
        assert repo.get_set_by_id(unlabelled.id) == unlabelled
        assert repo.get_set_by_labels("empty") == empty

    def test_members_must_be_stored_somewhere(self, repo: BaseRepo) -> None:
        elsewhere = MemoryRepo()
        elsewhere.save(a_draft(1))
        with p.using_repo(elsewhere):
            assert len(repo.put_set(p.ArtifactSet([an_id(1)]))) == 1
            with pytest.raises(ArtifactNotFoundError, match=an_id("unknown")):
                repo.put_set(p.ArtifactSet([an_id(1), an_id("unknown")]))

    def test_the_latest_set_is_the_one_saved_last(self, repo: BaseRepo) -> None:
        one, two = (repo.save(a_draft(seed)).id for seed in (1, 2))
        now = datetime.now(UTC)
        older, newer = p.ArtifactSet([one], "job"), p.ArtifactSet([two], "job")
        repo.save_set(replace(older.to_record(), created_at=now))
        repo.save_set(replace(newer.to_record(), created_at=now - timedelta(days=1)))  # the clock goes backwards
        assert repo.get_set_by_labels("job").id == newer.id
        repo.put_set(older)
        assert repo.get_set_by_labels("job").id == older.id
        repo.put_set(newer.relabel("other"))
        assert repo.get_set_by_labels("job").id == older.id
        assert repo.get_set_by_id(newer.id).labels == {"name": "other"}
        assert repo.get_set_by_labels({}).id == newer.id

    def test_a_set_is_found_by_some_of_its_labels(self, repo: BaseRepo) -> None:
        labels: dict[str, Any] = {"name": "job", "n": 1, "nested": {"a": [1, 2], "b": None}, "flag": True}
        stored = repo.put_set(p.ArtifactSet([], labels))
        repo.put_set(p.ArtifactSet([repo.save(a_draft(1)).id], {"name": "unlike", "n": 1}))
        found: list[Any] = [
            "job",
            {"flag": True},
            {"nested": {"b": None, "a": [1, 2]}},
            {"n": 1, "name": "job"},
            labels,
        ]
        for some in found:
            assert repo.get_set_by_labels(some) == stored
        not_found: list[Any] = [
            {"name": "job", "more": 1},
            {"n": "1"},
            {"n": True},
            {"flag": 1},
            {"nested": {"a": [1, 2]}},
            {"nested": {"a": [2, 1], "b": None}},
            {"name": "job", "n": 2},
            "jo",
        ]
        for other in not_found:
            with pytest.raises(SetNotFoundError):
                repo.get_set_by_labels(other)

    @pytest.mark.parametrize(
        "labels",
        [
            'it\'s "quoted" 100% \\ \0',
            "日本 🎉 \u2028",
            {f"key {n}": "v" * n for n in range(300)},
            {"long": "x" * 100_000},
        ],
        ids=["quotes", "unicode", "many", "long"],
    )
    def test_labels_can_be_any_json(self, repo: BaseRepo, labels: Any) -> None:
        stored = repo.put_set(p.ArtifactSet([], labels))
        assert repo.get_set_by_labels(labels) == stored
        assert repo.get_set_by_id(stored.id).labels == stored.labels

    @pytest.mark.parametrize("labels", [None, 5, ["a"], {"a": float("nan")}, {1: 2}, {"a": b"x"}, "\ud800"], ids=repr)
    def test_labels_that_are_not_json_are_refused(self, repo: BaseRepo, labels: Any) -> None:
        with pytest.raises(InvalidLabelsError):
            repo.get_set_by_labels(labels)

    def test_sets_that_are_not_there_are_errors(self, repo: BaseRepo) -> None:
        assert not repo.contains_set(an_id("set"))
        with pytest.raises(SetNotFoundError, match=an_id("set")):
            repo.get_set_by_id(an_id("set"))
        with pytest.raises(SetNotFoundError, match="nothing"):
            repo.get_set_by_labels("nothing")

    def test_a_deleted_set_is_gone_and_its_members_stay(self, repo: BaseRepo) -> None:
        member = repo.save(a_draft(1)).id
        stored = repo.put_set(p.ArtifactSet([member], "job"))
        other = repo.put_set(p.ArtifactSet([], "job"))
        repo.delete_set(other)
        assert not repo.contains_set(other)
        assert member in repo
        assert repo.get_set_by_labels("job") == stored
        repo.delete_set(stored.id)
        repo.delete_set(stored.id)
        with pytest.raises(SetNotFoundError):
            repo.get_set_by_labels("job")

    # ---- histories of labels

    def test_a_repo_knows_its_sets_and_their_labels(self, repo: BaseRepo) -> None:
        assert (repo.set_ids(), list(repo.label_history())) == (set(), [])
        one, two = (p.ArtifactSet([repo.save(a_draft(seed)).id]) for seed in (1, 2))
        saved: list[Any] = [(one, {"name": "job", "n": 1.0}), (two, {"name": "job"}), (one, {"name": "job"}), (two, {})]
        for artifact_set, labels in saved:
            repo.put_set(artifact_set.relabel(labels))
        unlabelled = repo.put_set(p.ArtifactSet([]))
        assert repo.set_ids() == {one.id, two.id, unlabelled.id}
        history = repo.label_history()
        assert [(event.set_id, event.labels) for event in history] == [(each.id, labels) for each, labels in saved]
        assert [event.saved_at for event in history] == sorted(event.saved_at for event in history)

    def test_a_history_of_labels_can_be_arranged(self, repo: BaseRepo) -> None:
        one, two, gone = (p.ArtifactSet([repo.save(a_draft(seed)).id]) for seed in (1, 2, 3))
        for artifact_set, name in ((one, "a"), (two, "a"), (one, "b"), (two, "c")):
            repo.put_set(artifact_set.relabel({"name": name, "k": [1]}))
        before = list(repo.label_history())
        early = datetime(2020, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
        added = [Labelling(two.id, {"name": "b", "k": [1]}, early), Labelling(gone.id, {"name": "b"}, early)]
        repo.arrange_labels(lambda own: [own[1], *added, own[0], *own[2:3]])
        wanted = [before[1], added[0], before[0], before[2]]
        assert list(repo.label_history()) == wanted
        assert repo.get_set_by_labels("a").id == one.id
        assert repo.get_set_by_labels({"k": [1]}).labels == {"name": "b", "k": [1]}
        assert repo.get_set_by_id(two).labels == {"name": "b", "k": [1]}
        assert not repo.contains_set(gone)
        with pytest.raises(SetNotFoundError):
            repo.get_set_by_labels("c")
        repo.put_set(two.relabel("a"))
        assert repo.get_set_by_labels("a").id == two.id
        repo.arrange_labels(lambda own: own)
        assert list(repo.label_history())[:4] == wanted

    def test_a_history_that_cannot_be_arranged_stays(self, repo: BaseRepo) -> None:
        repo.put_set(p.ArtifactSet([], "a"))
        before = list(repo.label_history())

        def fail(_: History) -> History:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            repo.arrange_labels(fail)
        assert list(repo.label_history()) == before

    def test_histories_need_the_permissions(self, tmp_path: Path) -> None:
        closed = self.make_repo(tmp_path, read=False)
        closed.save_set(p.ArtifactSet([], "a").to_record())
        assert (closed.set_ids(), list(closed.label_history())) == (set(), [])
        with pytest.raises(PermissionDeniedError, match="write: true"):
            self.make_repo(tmp_path, write=False).arrange_labels(lambda own: own)

    def test_a_closed_repo_opens_again_by_itself(self, repo: BaseRepo) -> None:
        repo.save(a_draft(1, 5))
        repo.close()
        assert repo.get_value(an_id(1)) == 5
        repo.save(a_draft(2, 6))
        assert repo.get_value(an_id(2)) == 6

    def test_a_repo_tells_its_name(self, tmp_path: Path) -> None:
        repo = self.make_repo(tmp_path, name="mine")
        assert repo.name == "mine"
        assert "mine" in repr(repo)
