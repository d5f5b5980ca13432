"""What every repo promises about records and values."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from blake3 import blake3

import provenance as p
from provenance._util.payload import Buffers, FileContent
from provenance.artifacts.proxy import reference_proxy
from provenance.errors import (
    BlobNotFoundError,
    SerializationError,
)
from provenance.repos.base import BaseRepo
from provenance.repos.single import INLINE_LIMIT
from provenance.serializers import pack
from provenance.testing.drafts import LARGE, RUN, WEIRD, a_draft, a_recipe, an_id, as_written, edge_to
from provenance.testing.repo_case import RepoCase
from provenance.types import (
    FILE_SERIALIZER,
    INPUTS_SERIALIZER,
    Durations,
    InputEdge,
    ValueId,
)


class RecordContract(RepoCase):
    """Tests of storing and reading one artifact."""

    # ---- records

    def test_nothing_is_in_an_empty_repo(self, repo: BaseRepo) -> None:
        assert repo.find_records([an_id(1)]) == repo.find_records([]) == {}
        assert repo.find_recipes([a_recipe(1)]) == repo.find_recipes([]) == {}
        single: list[object] = [repo.find_latest(ValueId(an_id(1))), repo.find_run("x"), repo.latest_set({})]
        assert single == [None] * 3
        assert an_id(1) not in repo

    def test_every_field_of_a_record_comes_back(self, repo: BaseRepo, tmp_path: Path) -> None:
        draft = a_draft(
            1,
            [1, 2],
            name="name",
            version="1",
            fn_module="some.module",
            fn_name="Some.function",
            serializer="cloudpickle",
            composite=True,
            load_kwargs={"b": [1, 2.5, None], "a": "x"},
            dump_kwargs={"compress": 3},
            value_type="list",
            value_callable=True,
            input_hashes={"kargs['z']": an_id("z"), "varargs[0]": an_id("0")},
            inputs_json={"kargs": {"z": 1, "a": {"artifact": an_id(0)}}, "varargs": [None, True, 1.5]},
            custom_fields={"tags": ["x", "y"], "n": 1},
            durations=Durations(0.5, 1e-9, 2.0, 1e6),
            edges=(
                InputEdge("kargs['z']", an_id(0)),
                InputEdge("kargs['a'][3]", an_id(0)),
                InputEdge("result[0]", an_id(2), "result"),
                InputEdge("", an_id(3), "call"),
            ),
            recipe=a_recipe(1),
            code_id=an_id("code"),
        )
        before = datetime.now(UTC) - timedelta(seconds=2)
        saved = repo.save(draft)
        for read in (saved, repo.find_records([saved.id])[saved.id], self.reopened(repo, tmp_path, saved.id)):
            assert read == saved
            assert as_written(read)._replace(value_inline=None, inputs_inline=None) == draft.record
            assert read.sequence is not None
            assert read.computed_at is not None
            assert before < read.computed_at < datetime.now(UTC) + timedelta(seconds=2)
        assert repo.find_run(RUN.id) == RUN

    @pytest.mark.parametrize("version", [0, -5, 2**40, "0", "", "1.2.3", WEIRD])
    def test_versions_keep_their_type(self, repo: BaseRepo, tmp_path: Path, version: object) -> None:
        repo.save(a_draft(1, version=version))
        read = self.reopened(repo, tmp_path, an_id(1)).version
        assert (read, type(read)) == (version, type(version))

    def test_any_string_comes_back(self, repo: BaseRepo, tmp_path: Path) -> None:
        draft = a_draft(
            1,
            name=WEIRD,
            fn_name=WEIRD,
            fn_module=WEIRD,
            value_type=WEIRD,
            load_kwargs={WEIRD: WEIRD},
            custom_fields={WEIRD: [WEIRD]},
            inputs_json={"kargs": {WEIRD: WEIRD}, "varargs": ["\0", "\ud800", "x" * 100_000]},
            input_hashes={f"kargs[{WEIRD!r}]": an_id(0)},
            edges=(InputEdge(WEIRD, an_id(0)),),
        )
        saved = repo.save(draft)
        assert self.reopened(repo, tmp_path, an_id(1)) == saved
        assert as_written(saved)._replace(value_inline=None, inputs_inline=None) == draft.record

    @pytest.mark.parametrize("inputs", [None, 5, 1.0, "5", "null", [], True, {"a": 2**70}])
    def test_any_json_can_show_the_inputs(self, repo: BaseRepo, tmp_path: Path, inputs: Any) -> None:
        repo.save(a_draft(1, inputs_json=inputs))
        read = self.reopened(repo, tmp_path, an_id(1)).inputs_json
        assert (read, type(read)) == (inputs, type(inputs))

    @pytest.mark.parametrize("field", ["load_kwargs", "custom_fields"])
    @pytest.mark.parametrize("value", [object(), float("nan"), {1, 2}, b"x"])
    def test_options_that_are_not_json_are_refused(self, repo: BaseRepo, field: str, value: object) -> None:
        with pytest.raises(SerializationError, match=field):
            repo.save(a_draft(1, **{field: {"key": value}}))
        assert an_id(1) not in repo

    def test_dump_options_that_are_not_json_are_described(self, repo: BaseRepo) -> None:
        assert repo.save(a_draft(1, dump_kwargs={"fn": len})).dump_kwargs == {"fn": repr(len)}

    # ---- values

    @pytest.mark.parametrize("value", [None, [1, "a"], LARGE], ids=["none", "small", "large"])
    def test_values_and_inputs_are_read_back(self, repo: BaseRepo, value: object) -> None:
        draft = replace(a_draft(1, value), inputs=pack({"kargs": {"x": value}, "varargs": (1,)}, INPUTS_SERIALIZER, {}))
        record = repo.save(draft)
        assert repo.has_value(record)
        assert repo.get_value(record.id) == repo[record.id].value == value
        assert repo.get_inputs(record.id) == {"kargs": {"x": value}, "varargs": (1,)}
        if isinstance(value, list):
            assert repo.get_value(record.id) is not repo.get_value(record.id)

    def test_only_what_is_small_lies_in_the_row(self, repo: BaseRepo) -> None:
        at_most, more = bytes(INLINE_LIMIT), bytes(INLINE_LIMIT + 1)
        small = repo.save(replace(a_draft(1), value=Buffers((at_most,)), inputs=Buffers((at_most,))))
        large = repo.save(replace(a_draft(2), value=Buffers((more,)), inputs=Buffers((more,)), value_extension=".csv"))
        assert (small.value_inline, small.value_blob, small.inputs_blob) == (at_most, None, None)
        assert (large.value_inline, large.inputs_inline) == (None, None)
        assert large.value_blob is not None
        assert large.inputs_blob is not None
        assert (large.value_blob.key, large.value_blob.size) == (blake3(more).hexdigest() + ".csv", len(more))
        for store in self.stores(repo):
            assert set(store.ids()) == {large.value_blob.key, large.inputs_blob.key}

    def test_an_archived_file_is_a_local_file(self, repo: BaseRepo, tmp_path: Path) -> None:
        path = tmp_path / "data.csv"
        path.write_bytes(b"a,b\n")
        value_id = ValueId(blake3(b"a,b\n").hexdigest() + ".csv")
        draft = replace(
            a_draft(1, serializer=FILE_SERIALIZER, value_id=value_id), value=FileContent(path), value_extension=".csv"
        )
        repo.save(draft)
        value = cast("p.ArchivedFile", repo.get_value(an_id(1)))
        path.unlink()
        assert (value.read_bytes(), value.blob_id, value.path.suffix) == (b"a,b\n", value_id, ".csv")
        assert cast("p.ArchivedFile", repo.get_value(an_id(1))).path == value.path
        assert repo.get_by_value_id(value_id).id == an_id(1)

    def test_references_inside_values_are_found_in_the_repo(self, repo: BaseRepo) -> None:
        repo.save(a_draft(1, 5))
        inner = reference_proxy(an_id(1))
        inputs = pack({"kargs": {"a": inner}, "varargs": ()}, INPUTS_SERIALIZER, {})
        repo.save(replace(a_draft(2), value=pack([inner], "joblib", {}), inputs=inputs))
        value, read = cast("Any", repo.get_value(an_id(2))), cast("Any", repo.get_inputs(an_id(2)))
        assert p.is_proxy(value[0])
        assert (value[0], read["kargs"]["a"]) == (5, 5)
        assert value[0].artifact.repo is repo

    def test_lost_bytes_are_missed_and_then_replaced(self, repo: BaseRepo) -> None:
        old = repo.save(a_draft(1, LARGE, recipe=a_recipe(1)))
        repo.save(a_draft(2, edges=(edge_to(1),), recipe=a_recipe(2)))
        self.lose_value(repo, old)
        assert not repo.has_value(old)
        with pytest.raises(BlobNotFoundError):
            repo.get_value(old.id)
        new = repo.save(a_draft(1, LARGE, recipe=a_recipe(1)))
        assert repo.get_value(old.id) == LARGE
        assert new.id == old.id
        assert set(repo.find_recipes([a_recipe(1), a_recipe(2)])) == {a_recipe(1), a_recipe(2)}

    def test_lost_bytes_are_replaced_by_another_value_too(self, repo: BaseRepo) -> None:
        old = repo.save(a_draft(1, LARGE, recipe=a_recipe(1)))
        repo.save(a_draft(2, edges=(edge_to(1),), recipe=a_recipe(2)))
        self.lose_value(repo, old)
        new = repo.save(a_draft(1, "other", edges=(edge_to(0, "result"),), recipe=a_recipe(1)))
        assert repo.get_value(old.id) == "other"
        assert repo.find_records([old.id])[old.id] == new
        assert new.value_id != old.value_id
        assert new.edges == (edge_to(0, "result"),)
        # What was computed from the old value is no longer what running the graph would give.
        assert set(repo.find_recipes([a_recipe(1), a_recipe(2)])) == {a_recipe(1)}
