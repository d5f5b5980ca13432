"""What every repo promises about jobs: what they used is noted with it, and added up when they are listed."""

from __future__ import annotations

import pickle
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import provenance as p
from provenance.errors import InvalidLabelsError, InvalidQueryError, PermissionDeniedError
from provenance.repos.base import BaseRepo
from provenance.testing.drafts import LARGE, RUN, a_draft, an_id, edge_to
from provenance.testing.repo_case import RepoCase
from provenance.testing.repo_failures import a_failure
from provenance.types import JSON, Draft, Durations, JobRecord, JobUse, RunRecord, UsedAs

NOON = datetime(2026, 5, 3, 12, 0, 0, 123456, tzinfo=UTC)
WORKER = RunRecord("worker" + "0" * 58, {"host": "there"})
NAMELESS = RunRecord("nameless" + "0" * 56, {"pid": 1})


class JobContract(RepoCase):
    """Tests of jobs, of what they used, and of `provenance.jobs`."""

    @staticmethod
    def begin(repo: BaseRepo, job_id: str = "j", at: datetime | None = None, **labels: JSON) -> JobRecord:
        """Begin a job that has these labels."""
        return repo.begin_job(JobRecord(id=job_id, labels=labels, run_id=RUN.id, started_at=at), RUN)

    @staticmethod
    def row(repo: BaseRepo) -> p.JobRow:
        """The only job there is."""
        (found,) = p.jobs(repo=repo)
        return found

    # ---- beginning and end

    def test_a_job_is_listed_from_its_beginning_on(self, repo: BaseRepo, tmp_path: Path) -> None:
        begun = self.begin(repo, name="nightly", day=[3, None, "é\0"])
        assert begun.started_at is not None
        row = self.row(repo)
        assert (row.id, row.labels, row.run_id) == ("j", {"name": "nightly", "day": [3, None, "é\0"]}, RUN.id)
        assert (row.start, row.end, row.repo) == (begun.started_at, None, repo)
        assert (row.hits, row.computed, row.failed, row.seconds_run, row.seconds_saved) == (0, 0, 0, 0, 0)
        assert row.hosts == ("here",)
        repo.end_job("j")
        ended = self.row(repo)
        assert ended.end is not None
        assert replace(ended, end=None) == row
        assert ended.end >= ended.start
        assert [one.id for one in p.jobs(repo=self.make_repo(tmp_path))] in ([], ["j"])
        assert repo.find_run(RUN.id) == RUN

    def test_beginning_twice_changes_nothing(self, repo: BaseRepo) -> None:
        first = self.begin(repo, at=NOON, name="first")
        assert first.started_at == NOON
        assert self.begin(repo, at=NOON + timedelta(1), name="first").started_at == NOON
        assert self.row(repo).start == NOON

    def test_ending_what_never_began_does_nothing(self, repo: BaseRepo) -> None:
        repo.end_job("nothing")
        assert list(p.jobs(repo=repo)) == []
        assert repo.job_uses("nothing") == {}

    # ---- what it used

    def test_what_is_computed_is_noted_with_it(self, repo: BaseRepo) -> None:
        self.begin(repo)
        repo.save(_computed(1, "computed", 2.0, WORKER))
        repo.save(_computed(2, "nested", 1.0, WORKER))
        repo.save(_computed(3, "computed", 0.5, NAMELESS))
        repo.save(a_draft(4, durations=Durations(compute=9)))
        assert repo.job_uses("j") == {
            an_id(1): ("computed", WORKER.id),
            an_id(2): ("nested", WORKER.id),
            an_id(3): ("computed", NAMELESS.id),
        }
        row = self.row(repo)
        assert (row.computed, row.hits, row.seconds_run, row.seconds_saved) == (3, 0, 2.5, 0)
        assert row.hosts == ("here", "there")

    def test_hits_are_added_and_what_was_computed_stays(self, repo: BaseRepo) -> None:
        self.begin(repo)
        repo.save(_computed(1, "computed", 2.0, WORKER))
        repo.save(a_draft(2, durations=Durations(compute=4)))
        repo.add_job_uses("j", {an_id(seed): ("hit", RUN.id) for seed in (1, 2)})
        repo.add_job_uses("j", {})
        assert repo.job_uses("j") == {an_id(1): ("computed", WORKER.id), an_id(2): ("hit", RUN.id)}
        row = self.row(repo)
        assert (row.computed, row.hits, row.seconds_run, row.seconds_saved) == (1, 1, 2, 4)

    def test_what_was_a_hit_and_is_computed_then_counts_as_computed(self, repo: BaseRepo) -> None:
        self.begin(repo)
        repo.add_job_uses("j", {an_id(seed): ("hit", RUN.id) for seed in (1, 2)})
        repo.save(_computed(1, "computed", 2.0, WORKER))
        repo.add_job_uses("j", {an_id(2): ("nested", WORKER.id)})
        assert repo.job_uses("j") == {an_id(1): ("computed", WORKER.id), an_id(2): ("nested", WORKER.id)}

    def test_who_comes_second_computed_it_too(self, repo: BaseRepo) -> None:
        for job_id in ("one", "other"):
            self.begin(repo, job_id)
            repo.save(_computed(1, "computed", 2.0, WORKER, job_id))
        assert [(row.computed, row.hits) for row in p.jobs(repo=repo)] == [(1, 0)] * 2

    def test_who_repairs_a_lost_value_computed_it(self, repo: BaseRepo) -> None:
        self.begin(repo)
        self.lose_value(repo, repo.save(a_draft(1, LARGE)))
        repo.save(replace(a_draft(1, LARGE), job=JobUse("j", "computed")))
        assert repo.get_value(an_id(1)) == LARGE
        assert repo.job_uses("j") == {an_id(1): ("computed", RUN.id)}

    def test_what_was_saved_with_a_hit_is_not_counted_twice(self, repo: BaseRepo) -> None:
        self.begin(repo)
        repo.save(a_draft("nested", durations=Durations(compute=1)))
        repo.save(a_draft("outer", edges=(edge_to("nested", "call"),), durations=Durations(compute=3)))
        repo.save(a_draft("member", durations=Durations(compute=5)))
        edges = (edge_to("member", "result"),)
        repo.save(a_draft("composite", edges=edges, composite=True, durations=Durations(compute=5)))
        repo.save(a_draft("inside", durations=Durations(compute=7)))
        repo.save(a_draft("refers", edges=(edge_to("inside", "result"), edge_to("outer")), durations=Durations()))
        seeds = ("nested", "outer", "member", "composite", "inside", "refers")
        repo.add_job_uses("j", {an_id(seed): ("hit", RUN.id) for seed in seeds})
        assert (self.row(repo).hits, self.row(repo).seconds_saved) == (6, 15)

    def test_a_hit_inside_of_what_was_computed_was_saved(self, repo: BaseRepo) -> None:
        self.begin(repo)
        repo.save(a_draft("nested", durations=Durations(compute=1)))
        outer = a_draft("outer", edges=(edge_to("nested", "call"),), durations=Durations(compute=3))
        repo.save(replace(outer, job=JobUse("j", "computed")))
        repo.add_job_uses("j", {an_id("nested"): ("hit", RUN.id)})
        assert (self.row(repo).seconds_run, self.row(repo).seconds_saved) == (3, 1)

    def test_what_was_deleted_still_counts_but_takes_no_time(self, repo: BaseRepo) -> None:
        self.begin(repo)
        repo.save(_computed(1, "computed", 2.0, WORKER))
        repo.add_job_uses("j", {an_id("elsewhere"): ("hit", RUN.id)})
        repo.delete(an_id(1))
        row = self.row(repo)
        assert (row.computed, row.hits, row.seconds_run, row.seconds_saved) == (1, 1, 0, 0)

    def test_calls_that_raised_count_once_unless_there_is_a_result(self, repo: BaseRepo) -> None:
        self.begin(repo)
        self.begin(repo, "other")
        for seed, job_id in ((1, "j"), (2, "j"), (2, "j"), (3, "j"), (4, "other"), (5, None)):
            repo.save_failed_call(a_failure(seed, job_id=job_id), RUN)
        repo.save(_computed(1, "computed", 2.0, WORKER))
        assert {row.id: row.failed for row in p.jobs(repo=repo)} == {"j": 2, "other": 1}

    def test_many_jobs_keep_apart(self, repo: BaseRepo) -> None:
        for number in range(3):
            self.begin(repo, str(number))
            for seed in range(number + 1):
                repo.save(_computed((number, seed), "computed", 1.0, WORKER, str(number)))
            repo.add_job_uses(str(number), {an_id((0, 0)): ("hit", RUN.id)})
        found = {row.id: (row.computed, row.hits, row.seconds_run, row.seconds_saved) for row in p.jobs(repo=repo)}
        assert found == {"0": (1, 0, 1, 0), "1": (2, 1, 2, 1), "2": (3, 1, 3, 1)}

    # ---- listing

    def test_the_newest_comes_first_and_pages_have_every_job_once(self, repo: BaseRepo) -> None:
        for number in range(450):
            self.begin(repo, f"{number:03}", NOON + timedelta(hours=number), name=str(number % 2), number=number)
        everything = p.jobs(repo=repo)
        assert [row.id for row in everything] == [f"{number:03}" for number in reversed(range(450))]
        assert (len(everything), len(p.jobs(label="1", repo=repo)), len(p.jobs(limit=7, repo=repo))) == (450, 225, 7)
        assert [row.id for row in p.jobs(label="1", limit=2, repo=repo)] == ["449", "447"]
        assert [row.id for row in p.jobs(order_by="start", limit=2, repo=repo)] == ["000", "001"]
        assert p.jobs(labels={"number": 440}, repo=repo).first() == everything[9]
        assert list(p.jobs(labels={"number": "440"}, repo=repo)) == []
        first_day = p.jobs(until=NOON + timedelta(hours=24), repo=repo)
        assert len(first_day) == 24
        assert len(p.jobs(since=NOON + timedelta(hours=24), repo=repo)) == 426
        assert p.jobs(limit=0, repo=repo).first() is None

    def test_what_does_not_fit_is_refused(self, repo: BaseRepo) -> None:
        for bad in ({"label": 3}, {"since": 3}, {"order_by": "hits"}, {"limit": -1}):
            with pytest.raises(InvalidQueryError, match=next(iter(bad))):
                p.jobs(**bad, repo=repo)
        with pytest.raises(InvalidLabelsError):
            p.jobs(labels=3, repo=repo)  # type: ignore[arg-type]

    def test_rows_show_themselves_and_pickle(self, repo: BaseRepo) -> None:
        self.begin(repo, name="nightly")
        repo.save(_computed(1, "computed", 2.0, WORKER))
        row = self.row(repo)
        copy = pickle.loads(pickle.dumps(row))  # noqa: S301  its own
        assert (copy, copy.repo) == (row, None)
        assert "nightly" in repr(row)
        assert "0 hits, 1 computed, 0 failed; ran 2 s, saved 0 s; on here, there" in repr(row)
        assert "has no end" in repr(row)
        repo.end_job("j")
        assert "took 0:0" in repr(self.row(repo))
        assert self.row(repo).as_dict()["computed"] == 1
        assert "nightly" in p.jobs(repo=repo)._repr_html_()
        assert repr(p.jobs(repo=repo)) == f"<Found jobs in repo {repo.name!r}>"

    # ---- what is not permitted

    def test_jobs_need_the_right_to_write(self, tmp_path: Path) -> None:
        self.make_repo(tmp_path)
        repo = self.make_repo(tmp_path, write=False)
        for act in (
            lambda: self.begin(repo),
            lambda: repo.end_job("j"),
            lambda: repo.add_job_uses("j", {an_id(1): ("hit", RUN.id)}),
        ):
            with pytest.raises(PermissionDeniedError, match="write"):
                act()

    def test_a_repo_that_may_not_be_read_tells_of_no_jobs(self, tmp_path: Path) -> None:
        repo = self.make_repo(tmp_path, read=False)
        self.begin(repo)
        repo.save(_computed(1, "computed", 2.0, WORKER))
        assert list(p.jobs(repo=repo)) == []
        assert repo.job_uses("j") == {}


def _computed(seed: Any, used_as: UsedAs, seconds: float, run: RunRecord, job_id: str = "j") -> Draft:
    draft = a_draft(seed, run_id=run.id, durations=Durations(compute=seconds))
    return replace(draft, run=run, job=JobUse(job_id, used_as))
