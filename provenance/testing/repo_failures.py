"""What every repo promises about calls that raised."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import provenance as p
from provenance.errors import InvalidIdError, InvalidQueryError, PermissionDeniedError
from provenance.repos.base import BaseRepo
from provenance.testing.drafts import RUN, WEIRD, a_draft, an_id
from provenance.testing.repo_case import RepoCase
from provenance.types import FailedCall


def a_failure(seed: object, **changes: Any) -> FailedCall:
    """A call of the artifact ``an_id(seed)`` that raised."""
    fields: dict[str, Any] = {
        "artifact_id": an_id(seed),
        "name": "f",
        "version": 0,
        "fn_module": "tests",
        "fn_name": "f",
        "error_type": "ValueError",
        "message": "no",
        "traceback": "Traceback ...",
        "run_id": RUN.id,
        "compute_seconds": 0.5,
    }
    return FailedCall(**{**fields, **changes})


def _as_given(call: FailedCall) -> FailedCall:
    return replace(call, sequence=None, failed_at=None)


class FailureContract(RepoCase):
    """Tests of recording calls that raised."""

    def test_there_are_no_failures_at_first(self, repo: BaseRepo) -> None:
        repo.save(a_draft(1))
        assert p.failed_calls(repo=repo) == []

    def test_every_fact_of_a_failure_comes_back(self, repo: BaseRepo, tmp_path: Path) -> None:
        given = a_failure(
            1,
            name=WEIRD,
            version="1",
            fn_module=WEIRD,
            fn_name=WEIRD,
            error_type=WEIRD,
            message=WEIRD,
            traceback=WEIRD,
            input_hashes={"kargs['z']": an_id("z"), "varargs[0]": an_id("0")},
            inputs_json={"kargs": {"z": [1, 2.5, None, WEIRD, -0.0]}, "varargs": ["…"]},
            job_id="job",
        )
        before = datetime.now(UTC) - timedelta(minutes=5)
        saved = repo.save_failed_call(given, RUN)
        assert p.failed_calls(repo=repo) == [saved]
        assert _as_given(saved) == given
        assert saved.sequence is not None
        assert saved.failed_at is not None
        assert before < saved.failed_at < before + timedelta(minutes=10)
        assert repo.find_run(RUN.id) == RUN
        other = self.make_repo(tmp_path)
        assert p.failed_calls(repo=other) in ([saved], [])  # nothing where nothing is kept

    def test_each_failure_is_kept_and_the_last_comes_first(self, repo: BaseRepo) -> None:
        for message in ("first", "second", "third"):
            repo.save_failed_call(a_failure(1, message=message), RUN)
        found = p.failed_calls(repo=repo)
        assert [call.message for call in found] == ["third", "second", "first"]
        assert p.failed_calls(limit=2, repo=repo) == found[:2]
        assert p.failed_calls(limit=None, repo=repo) == found
        assert p.failed_calls(limit=0, repo=repo) == []

    def test_failures_are_found_by_what_they_are_of(self, repo: BaseRepo) -> None:
        for seed in range(6):
            repo.save_failed_call(a_failure(seed, name=f"f{seed % 2}", job_id=("a", "b", None)[seed % 3]), RUN)

        def seeds(**asked: Any) -> list[int]:
            ids = [an_id(seed) for seed in range(6)]
            return [ids.index(call.artifact_id) for call in p.failed_calls(repo=repo, **asked)]

        assert seeds() == [5, 4, 3, 2, 1, 0]
        assert seeds(name="f1") == [5, 3, 1]
        assert seeds(job="a") == [3, 0]
        assert seeds(artifact=an_id(4)) == [4]
        assert seeds(name="f0", job="b", artifact=an_id(4)) == [4]
        assert seeds(name="f1", job="b", artifact=an_id(4)) == []
        assert seeds(name="f", limit=1) == []
        assert seeds(name="f1", limit=1) == [5]

    def test_what_cannot_be_asked_is_refused(self, repo: BaseRepo) -> None:
        asked: Any = {"name": 1}
        with pytest.raises(InvalidQueryError, match="name=1"):
            p.failed_calls(repo=repo, **asked)
        with pytest.raises(InvalidQueryError, match="limit=-1"):
            p.failed_calls(repo=repo, limit=-1)
        with pytest.raises(InvalidIdError):
            p.failed_calls(repo=repo, artifact="x")

    def test_a_failure_is_no_artifact(self, repo: BaseRepo) -> None:
        repo.save_failed_call(a_failure(1), RUN)
        assert an_id(1) not in repo
        assert repo.find_records([an_id(1)]) == {}
        assert list(p.find(repo=repo)) == []

    def test_a_failure_stays_when_the_artifact_comes_and_goes(self, repo: BaseRepo) -> None:
        saved = repo.save_failed_call(a_failure(1), RUN)
        repo.save(a_draft(1))
        assert p.failed_calls(artifact=repo[an_id(1)], repo=repo) == [saved]
        repo.delete(an_id(1))
        assert p.failed_calls(repo=repo) == [saved]

    def test_failures_are_not_copied(self, repo: BaseRepo, tmp_path: Path) -> None:
        (tmp_path / "other").mkdir()
        other = self.make_repo(tmp_path / "other")
        repo.save_failed_call(a_failure(1), RUN)
        repo.save(a_draft(1))
        p.promote(repo[an_id(1)], other, repo)
        assert an_id(1) in other
        assert p.failed_calls(repo=other) == []

    def test_permissions_hold_for_failures_too(self, tmp_path: Path) -> None:
        self.make_repo(tmp_path).save_failed_call(a_failure(1), RUN)
        with pytest.raises(PermissionDeniedError, match="write: false"):
            self.make_repo(tmp_path, write=False).save_failed_call(a_failure(2), RUN)
        assert p.failed_calls(repo=self.make_repo(tmp_path, read=False)) == []
