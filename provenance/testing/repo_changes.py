"""What every repo promises about deleting, permissions and copies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

import provenance as p
from provenance.artifacts.artifact import Artifact
from provenance.errors import (
    ArtifactNotFoundError,
    BlobNotFoundError,
    InvalidInputsError,
    PermissionDeniedError,
)
from provenance.repos.base import BaseRepo
from provenance.repos.memory import MemoryRepo
from provenance.serializers import pack
from provenance.testing.drafts import LARGE, RUN, a_draft, a_recipe, an_id, edge_to
from provenance.testing.repo_case import RepoCase
from provenance.types import (
    InputEdge,
)


class ChangeContract(RepoCase):
    """Tests of deleting, of what is not permitted, and of artifacts of other repos."""

    # ---- deleting

    def test_a_deleted_artifact_is_gone(self, repo: BaseRepo, tmp_path: Path) -> None:
        record = repo.save(a_draft(1, LARGE, recipe=a_recipe(1)))
        repo.save(a_draft(2, 5))
        repo.delete(repo.get_by_id(record.id).proxy())
        for place in (repo, self.make_repo(tmp_path)):
            assert record.id not in place
            assert place.find_recipes([a_recipe(1)]) == {}
            assert place.find_latest(record.value_id) is None
        assert an_id(2) in repo
        repo.delete(record.id)
        assert repo.save(a_draft(1, LARGE)).id in repo
        assert repo.get_value(record.id) == LARGE

    def test_recipe_keys_of_everything_downstream_are_forgotten(self, repo: BaseRepo) -> None:
        lineage: dict[int, tuple[InputEdge, ...]] = {
            0: (),
            1: (edge_to(0),),
            2: (edge_to(1, "result"),),
            3: (edge_to(2, "call"),),
            4: (edge_to(3),),
            5: (edge_to("elsewhere"),),
            6: (edge_to(0),),
        }
        for seed, edges in lineage.items():
            repo.save(a_draft(seed, seed, edges=edges, recipe=a_recipe(seed)))
        repo.add_recipes({a_recipe("more"): an_id(4)})
        assert repo.downstream([an_id(1)]) == {an_id(2), an_id(3), an_id(4)}
        repo.delete(an_id(1))
        keys = [*map(a_recipe, lineage), a_recipe("more")]
        assert set(repo.find_recipes(keys)) == set(map(a_recipe, (0, 5, 6)))
        assert set(repo.find_records([*map(an_id, lineage)])) == set(map(an_id, (0, 2, 3, 4, 5, 6)))
        assert repo.find_records([an_id(4)])[an_id(4)].recipe is None
        repo.delete(an_id("elsewhere"))
        assert set(repo.find_recipes(keys)) == set(map(a_recipe, (0, 6)))

    def test_recipe_keys_of_members_are_forgotten_with_their_composite(self, repo: BaseRepo) -> None:
        lineage = {"member": (), "composite": (edge_to("member", "result"),), "user": (edge_to("member"),)}
        for seed, edges in lineage.items():
            draft = a_draft(seed, edges=edges, recipe=a_recipe(seed), composite=seed == "composite")
            repo.save(draft)
        repo.save(a_draft("holder", edges=(edge_to("held", "result"),)))
        repo.save(a_draft("held", recipe=a_recipe("held")))
        repo.batch_delete([an_id("composite"), an_id("holder")])
        keys = [*map(a_recipe, lineage), a_recipe("held")]
        assert set(repo.find_recipes(keys)) == {a_recipe("held")}
        assert set(repo.find_records([*map(an_id, lineage)])) == {an_id("member"), an_id("user")}

    def test_recipe_keys_in_a_circle_of_references_are_forgotten(self, repo: BaseRepo) -> None:
        for seed, other in ((1, 2), (2, 1)):
            repo.save(a_draft(seed, edges=(edge_to(other),), recipe=a_recipe(seed)))
        repo.delete(an_id(1))
        assert repo.find_recipes([a_recipe(1), a_recipe(2)]) == {}

    def test_a_blob_goes_with_the_last_reference(self, repo: BaseRepo) -> None:
        one, two = repo.save(a_draft(1, LARGE)), repo.save(a_draft(2, LARGE))
        as_input = repo.save(replace(a_draft(3), inputs=pack(LARGE, "joblib", {})))
        assert one.value_blob == two.value_blob == as_input.inputs_blob
        assert one.value_blob is not None
        for artifact_id, is_kept in ((one.id, True), (two.id, True), (as_input.id, False)):
            repo.delete(artifact_id)
            for store in self.stores(repo):
                assert (one.value_blob.key in store) is is_kept

    def test_a_blob_stays_for_the_grace_period(self, tmp_path: Path) -> None:
        patient = self.make_repo(tmp_path, grace_seconds=3600.0)
        record = patient.save(a_draft(1, LARGE))
        patient.delete(record.id)
        assert record.value_blob is not None
        for store in self.stores(patient):
            assert record.value_blob.key in store
        again = patient.save(replace(a_draft(2, LARGE, value_blob=record.value_blob), value=None))
        assert patient.get_value(again.id) == LARGE

    # ---- permissions

    def test_nothing_is_found_in_a_repo_that_may_not_be_read(self, tmp_path: Path) -> None:
        repo = self.make_repo(tmp_path, read=False)
        record = repo.save(a_draft(1, LARGE, recipe=a_recipe(1)))
        artifact_set = p.ArtifactSet([record.id], "label")
        repo.save_set(artifact_set.to_record())
        assert record.sequence is not None
        assert record.id not in repo
        assert repo.find_recipes([a_recipe(1)]) == {}
        assert not repo.has_value(record)
        assert not repo.contains_set(artifact_set)
        single: list[object] = [
            repo.find_run(RUN.id),
            repo.find_latest(record.value_id),
            repo.latest_set({"name": "label"}),
        ]
        assert single == [None] * 3
        for call in (repo.load_value, repo.load_inputs):
            with pytest.raises(PermissionDeniedError, match="read: true"):
                call(record)

    def test_a_repo_that_may_not_be_written_refuses_it(self, tmp_path: Path) -> None:
        self.make_repo(tmp_path).save(a_draft(1, 5))
        repo = self.make_repo(tmp_path, write=False)
        artifact_set = p.ArtifactSet([])
        elsewhere = MemoryRepo()
        given = Artifact(elsewhere.save(a_draft(2)), elsewhere)
        calls: list[Callable[[], object]] = [
            lambda: repo.save(a_draft(1)),
            lambda: repo.put(given),
            lambda: repo.add_recipes({a_recipe(1): an_id(1)}),
            lambda: repo.put_set(artifact_set),
            lambda: repo.save_set(artifact_set.to_record()),
        ]
        for call in calls:
            with pytest.raises(PermissionDeniedError, match="write: true"):
                call()
        assert not repo.permissions.write

    def test_a_repo_that_may_not_be_deleted_from_refuses_it(self, tmp_path: Path) -> None:
        repo = self.make_repo(tmp_path, delete=False)
        record = repo.save(a_draft(1, recipe=a_recipe(1)))
        artifact_set = repo.put_set(p.ArtifactSet([record.id]))
        calls: list[Callable[[], object]] = [
            lambda: repo.delete(record.id),
            lambda: repo.delete_set(artifact_set),
            lambda: repo.remove_recipes([record.id]),
        ]
        for call in calls:
            with pytest.raises(PermissionDeniedError, match="delete: true"):
                call()
        assert record.id in repo
        assert repo.contains_set(artifact_set)
        assert a_recipe(1) in repo.find_recipes([a_recipe(1)])

    # ---- artifacts of other repos

    @pytest.mark.parametrize("value", [5, LARGE], ids=["small", "large"])
    def test_an_artifact_of_another_repo_is_copied_without_being_read(self, repo: BaseRepo, value: object) -> None:
        elsewhere = MemoryRepo()
        draft = a_draft(
            1,
            value,
            serializer="unknown in this process",
            edges=(edge_to(0),),
            recipe=a_recipe(1),
            computed_at=datetime(2020, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
        )
        given = Artifact(
            elsewhere.save(replace(draft, inputs=pack(value, "joblib", {}), value_extension=".x")), elsewhere
        )
        stored = repo.put(given)
        assert stored.repo is repo
        assert stored.record._replace(sequence=0) == given.record._replace(sequence=0)
        assert repo.value_source(stored.record).record == stored.record
        assert repo.load_inputs(stored.record) == value
        assert repo.find_recipes([a_recipe(1)]) == {a_recipe(1): stored.record}
        assert repo.find_run(RUN.id) == RUN
        assert repo.put(given.proxy()).record == stored.record
        assert repo.put(stored).record == stored.record

    def test_a_copy_does_not_bring_a_forgotten_recipe_key_back(self, repo: BaseRepo) -> None:
        elsewhere = MemoryRepo()
        given = Artifact(elsewhere.save(a_draft(1, recipe=a_recipe(1))), elsewhere)
        elsewhere.remove_recipes([given.id])
        repo.put(given)
        assert repo.find_recipes([a_recipe(1)]) == {}

    def test_a_copy_replaces_lost_bytes(self, repo: BaseRepo) -> None:
        elsewhere = MemoryRepo()
        given = Artifact(elsewhere.save(a_draft(1, LARGE)), elsewhere)
        self.lose_value(repo, repo.put(given).record)
        repo.put(given)
        assert repo.get_value(given.id) == LARGE

    def test_a_copy_does_without_lost_inputs(self, repo: BaseRepo) -> None:
        elsewhere = MemoryRepo()
        given = Artifact(elsewhere.save(replace(a_draft(1, 5), inputs=pack(LARGE, "joblib", {}))), elsewhere)
        assert given.record.inputs_blob is not None
        elsewhere.store.delete(given.record.inputs_blob.key)
        assert repo.put(given).value == 5
        with pytest.raises(BlobNotFoundError, match="inputs"):
            repo.get_inputs(given.id)

    def test_what_cannot_be_copied_is_refused(self, repo: BaseRepo) -> None:
        elsewhere = MemoryRepo()
        record = elsewhere.save(a_draft(1, LARGE))
        with pytest.raises(InvalidInputsError, match="expected an artifact"):
            repo.put(record.id)
        with pytest.raises(ArtifactNotFoundError, match="without being stored"):
            repo.put(Artifact(record._replace(sequence=None), elsewhere))
        self.lose_value_of(elsewhere, record)
        with pytest.raises(BlobNotFoundError):
            repo.put(Artifact(record, elsewhere))
        assert record.id not in repo
        own = repo.save(a_draft(2, LARGE))
        self.lose_value(repo, own)
        with pytest.raises(BlobNotFoundError):
            repo.put(Artifact(own, repo))
