"""What every repo promises about who computes what."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from provenance.errors import LeaseLostError
from provenance.repos.base import BaseRepo
from provenance.testing.drafts import a_draft, an_id
from provenance.testing.repo_case import RepoCase
from provenance.types import Lease, Leases

_LONG, _OVER = 600.0, 0.0


def leases_of(repo: BaseRepo) -> Leases:
    """What keeps the leases of a repo."""
    assert repo.leases is not None
    return repo.leases


def taken(repo: BaseRepo, seed: object = 1, holder: str = "first", seconds: float = _LONG) -> Lease:
    """The lease of the artifact ``an_id(seed)``, which is free."""
    lease = leases_of(repo).acquire(an_id(seed), holder, seconds).lease
    assert lease is not None
    return lease


class LeaseContract(RepoCase):
    """Tests of leases; subclass it for repos that keep them."""

    def test_of_many_who_ask_for_a_lease_one_gets_it(self, repo: BaseRepo) -> None:
        with ThreadPoolExecutor(8) as pool:
            claims = list(pool.map(lambda n: leases_of(repo).acquire(an_id(1), f"holder {n}", _LONG), range(8)))
        given = [claim.lease for claim in claims if claim.lease is not None]
        assert len(given) == 1
        assert [claim.record for claim in claims] == [None] * 8
        assert given[0].artifact_id == an_id(1)

    def test_leases_of_different_artifacts_have_nothing_to_do_with_each_other(self, repo: BaseRepo) -> None:
        fences = {taken(repo, seed).fence for seed in range(3)}
        assert len(fences) == 3

    def test_a_lease_that_is_over_is_taken_over_and_its_fence_is_larger(self, repo: BaseRepo) -> None:
        old = taken(repo, seconds=_OVER)
        new = taken(repo, holder="second")
        assert new.fence > old.fence
        assert leases_of(repo).acquire(an_id(1), "third", _LONG).lease is None

    def test_fences_grow_although_leases_were_released(self, repo: BaseRepo) -> None:
        first = taken(repo)
        leases_of(repo).release(first)
        assert taken(repo).fence > first.fence

    def test_a_holder_that_asks_again_gets_a_new_lease_for_its_own(self, repo: BaseRepo) -> None:
        old, new = taken(repo), taken(repo)
        assert new.fence > old.fence
        assert leases_of(repo).renew([old, new], _LONG) == {new}

    def test_a_renewed_lease_is_not_taken_over(self, repo: BaseRepo) -> None:
        held = [taken(repo, seed, seconds=_OVER) for seed in range(2)]
        assert leases_of(repo).renew(held, _LONG) == set(held)
        assert leases_of(repo).acquire(an_id(0), "second", _LONG).lease is None
        assert leases_of(repo).acquire(an_id(1), "second", _LONG).lease is None

    def test_renewing_tells_which_leases_were_taken_over(self, repo: BaseRepo) -> None:
        kept, lost = taken(repo, 1), taken(repo, 2, seconds=_OVER)
        new = taken(repo, 2, holder="second", seconds=_OVER)
        assert leases_of(repo).renew([kept, lost], _LONG) == {kept}
        assert taken(repo, 2, holder="third").fence > new.fence  # renewing did not touch the other's

    def test_a_released_lease_is_free(self, repo: BaseRepo) -> None:
        leases_of(repo).release(taken(repo))
        assert taken(repo, holder="second").holder == "second"

    def test_releasing_a_lost_lease_does_not_end_the_new_one(self, repo: BaseRepo) -> None:
        old = taken(repo, seconds=_OVER)
        new = taken(repo, holder="second")
        leases_of(repo).release(old)
        assert leases_of(repo).renew([new], _LONG) == {new}

    def test_nobody_gets_a_lease_for_what_is_stored(self, repo: BaseRepo) -> None:
        stored = repo.save(a_draft(1, "value"))
        claim = leases_of(repo).acquire(an_id(1), "first", _LONG)
        assert claim.lease is None
        assert claim.record is not None
        assert claim.record.value_id == stored.value_id

    def test_storing_ends_the_lease(self, repo: BaseRepo) -> None:
        lease = taken(repo)
        repo.save(replace(a_draft(1), lease=lease))
        repo.batch_delete([an_id(1)])
        assert leases_of(repo).renew([lease], _LONG) == set()
        assert taken(repo, holder="second").holder == "second"

    def test_a_lease_that_is_over_and_was_not_taken_over_is_good_enough(self, repo: BaseRepo) -> None:
        lease = taken(repo, seconds=_OVER)
        assert repo.save(replace(a_draft(1), lease=lease)).sequence is not None

    def test_who_lost_its_lease_stores_nothing(self, repo: BaseRepo, tmp_path: Path) -> None:
        old = taken(repo, seconds=_OVER)
        new = taken(repo, holder="second")
        with pytest.raises(LeaseLostError, match=f"lease {old.fence} of first"):
            repo.save(replace(a_draft(1, "late"), lease=old))
        assert self.make_repo(tmp_path).find_records([an_id(1)]) == {}
        assert repo.find_records([an_id(1)]) == {}
        assert leases_of(repo).renew([new], _LONG) == {new}

    def test_who_lost_its_lease_to_one_that_gave_up_stores_nothing(self, repo: BaseRepo) -> None:
        old = taken(repo, seconds=_OVER)
        leases_of(repo).release(taken(repo, holder="second"))
        with pytest.raises(LeaseLostError):
            repo.save(replace(a_draft(1, "late"), lease=old))
        assert repo.find_records([an_id(1)]) == {}

    def test_who_lost_its_lease_gets_what_the_other_one_stored(self, repo: BaseRepo) -> None:
        old = taken(repo, seconds=_OVER)
        winner = repo.save(replace(a_draft(1, "winner"), lease=taken(repo, holder="second")))
        late = repo.save(replace(a_draft(1, "late"), lease=old))
        assert late.value_id == winner.value_id
        assert repo.get_by_id(an_id(1)).value == "winner"

    def test_members_are_stored_under_the_lease_of_their_composite_which_goes_on(self, repo: BaseRepo) -> None:
        lease = taken(repo, seconds=_OVER)
        repo.save(replace(a_draft(2, "member"), lease=lease))
        assert leases_of(repo).renew([lease], _OVER) == {lease}
        taken(repo, holder="second")
        with pytest.raises(LeaseLostError):
            repo.save(replace(a_draft(3, "member"), lease=lease))
        assert repo.find_records([an_id(3)]) == {}

    def test_lost_bytes_are_replaced_under_a_lease(self, repo: BaseRepo) -> None:
        large = "x" * 100_000
        lease = taken(repo)
        first = repo.save(a_draft(1, large))  # by one who knows nothing of leases
        self.lose_value(repo, first)
        repo.save(replace(a_draft(1, large), lease=lease))
        assert repo.get_by_id(an_id(1)).value == large

    def test_leases_are_kept_where_others_see_them(self, repo: BaseRepo, tmp_path: Path) -> None:
        lease = taken(repo)
        other = self.make_repo(tmp_path)
        if leases_of(other).renew([lease], _LONG):  # else nothing is kept
            assert leases_of(other).acquire(an_id(1), "second", _LONG).lease is None

    @pytest.mark.parametrize("forbidden", ["read", "write"])
    def test_where_nothing_is_found_or_stored_there_are_no_leases(
        self, repo: BaseRepo, tmp_path: Path, forbidden: str
    ) -> None:
        assert repo.leases is not None
        assert self.make_repo(tmp_path, **{forbidden: False}).leases is None
