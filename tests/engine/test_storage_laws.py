"""What holds when the store misbehaves: nothing is lost, nothing wrong is served, nothing is half-written."""

from __future__ import annotations

import dataclasses
import logging
import threading

import numpy as np
import pytest

import provenance as p
from provenance.blobstores import DiskStore, MemoryStore
from provenance.repos.memory import MemoryRepo
from provenance.repos.sql.repo import SqlRepo

BIG = 50_000


@pytest.fixture
def disk(tmp_path):
    return DiskStore(tmp_path / "blobs")


@pytest.fixture
def disk_repo(disk, tmp_path):
    with p.using_repo(SqlRepo(str(tmp_path / "repo.db"), disk, name="disk")) as repo:
        yield repo


@pytest.fixture
def array(calls):
    @p.provenance()
    def array(n):
        calls.append(n)
        return np.arange(float(n))

    return array


def blob_file(disk, artifact):
    return disk.local_path(artifact.record.value_blob.key)


def test_a_missing_blob_is_a_miss_and_is_repaired(disk_repo, disk, array, calls):
    artifact = array(BIG).artifact
    blob_file(disk, artifact).unlink()
    again = array(BIG)
    assert calls == [BIG, BIG]
    assert again.artifact.id == artifact.id
    np.testing.assert_array_equal(p.load_proxy(artifact.id), np.arange(float(BIG)))


def test_a_blob_that_goes_between_the_look_up_and_the_use_is_computed_again(disk_repo, disk, array, calls):
    artifact = array(BIG).artifact
    hit = array(BIG)
    blob_file(disk, artifact).unlink()
    assert hit[5] == 5
    assert calls == [BIG, BIG]
    assert array(BIG)[6] == 6
    assert calls == [BIG, BIG]


def test_a_damaged_blob_is_never_served(disk_repo, disk, array, calls, caplog):
    artifact = array(BIG).artifact
    path = blob_file(disk, artifact)
    path.chmod(0o600)
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    with caplog.at_level(logging.WARNING, "provenance"):
        assert array(BIG).sum() == np.arange(float(BIG)).sum()
    assert calls == [BIG, BIG]
    assert len([record for record in caplog.records if "damaged" in record.message]) == 1
    assert array(BIG).sum() == np.arange(float(BIG)).sum()
    assert calls == [BIG, BIG]


def test_a_damaged_blob_without_a_function_to_call_is_an_error(disk_repo, disk, array):
    artifact = array(BIG).artifact
    path = blob_file(disk, artifact)
    path.chmod(0o600)
    path.write_bytes(b"\x93" * path.stat().st_size)
    proxy = p.load_proxy(artifact.id)
    with pytest.raises(p.BlobCorruptError, match=artifact.record.value_blob.key[:12]):
        proxy.sum()
    with pytest.raises(p.BlobNotFoundError):
        p.load_proxy(artifact.id).sum()


class BrokenStore(MemoryStore):
    """A store that cannot be written."""

    def put(self, data, *, extension=""):
        msg = "the disk is on fire"
        raise OSError(msg)


def test_a_computed_value_is_returned_whatever_the_store_does(array, calls):
    with p.using_repo(MemoryRepo(store=BrokenStore(name="broken"), name="r")) as repo:
        with pytest.warns(p.UnrecordedResultWarning, match="on fire"):
            result = array(BIG)
        assert not p.is_proxy(result)
        assert result[-1] == BIG - 1
        with pytest.warns(p.UnrecordedResultWarning):
            array(BIG)
        assert calls == [BIG, BIG], "no row without its bytes"
        assert list(repo.store.ids()) == []


@pytest.mark.parametrize("what", ["read", "write"])
def test_a_repo_without_permission_still_returns_computed_values(what, array, calls):
    with p.using_repo(MemoryRepo(name="closed", **{what: False})):
        results = [array(10), array(10)]
    assert [list(result) for result in results] == [list(range(10))] * 2
    assert calls == [10, 10]


@pytest.mark.parametrize(
    ("value", "cause"),
    [
        (threading.Lock, "lock"),
        (lambda: {"a": [iter([1])]}, r"\['a'\]\[0\]"),
        (lambda: (i for i in range(3)), "generator"),
    ],
)
def test_a_result_that_cannot_be_hashed_is_returned_plain(value, cause, repo, caplog):
    made = value()
    f = p.provenance(name="f")(lambda: made)
    with pytest.warns(p.UnrecordedResultWarning, match=cause):
        assert f() is made
    assert "not recorded" in caplog.text
    assert list(repo.store.ids()) == []
    with pytest.warns(p.UnrecordedResultWarning) as caught:
        f()
    assert caught[0].filename == __file__


@dataclasses.dataclass
class Point:
    x: int
    y: list


class Unpicklable:
    def value_repr(self):
        return 1

    def __reduce__(self):
        msg = "not me"
        raise TypeError(msg)


def test_a_result_that_no_serializer_takes_is_returned_plain(repo):
    made = Unpicklable()
    f = p.provenance(name="f")(lambda: {"x": made})
    with pytest.warns(p.UnrecordedResultWarning, match="not me"):
        assert f()["x"] is made
    g = p.provenance(name="g", serializer="nope")(lambda: 1)
    with pytest.warns(p.UnrecordedResultWarning, match="nope"):
        assert g() == 1


def test_an_argument_that_no_serializer_takes_is_recorded_by_its_description(repo):
    result = p.provenance(name="f", ignore=["handle"])(lambda a, handle: a)(1, threading.Lock())
    inputs = result.artifact.inputs["kargs"]
    assert inputs["a"] == 1
    assert inputs["handle"].type_name == "_thread.lock"
    assert "lock" in repr(inputs["handle"])
    assert "lock" in inputs["handle"].reason


def test_functions_made_at_run_time_are_inputs(repo):
    result = p.provenance(name="f")(lambda fn: fn(3))(lambda x: x + 1)
    assert result == 4
    assert result.artifact.inputs["kargs"]["fn"](10) == 11


def test_lambdas_as_results_fall_back_to_a_serializer_that_takes_them(repo):
    result = p.provenance(name="f")(lambda n: lambda x: x + n)(2)
    assert result.artifact.serializer == "cloudpickle"
    assert p.load_proxy(result.artifact.id)(3) == 5


@pytest.mark.parametrize(
    ("argument", "path"),
    [
        ({"steps": [threading.Lock()]}, r"kargs\['model'\]\['steps'\]\[0\]"),
        (threading.Lock(), r"kargs\['model'\]"),
        ((i for i in ()), r"kargs\['model'\]"),
    ],
)
def test_an_argument_without_a_deterministic_encoding_is_named(argument, path, calls):
    @p.provenance()
    def f(model):
        calls.append(1)

    with pytest.raises(p.HashingError, match=path):
        f(argument)
    assert calls == []


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        -0.0,
        "nul\0byte",
        "lone \ud800 surrogate",
        b"\xff\0",
        10**400,
        1 << 70,
        "é" * 3,
        None,
    ],
)
def test_odd_values_are_inputs_and_results(value, repo):
    f = p.provenance(name="f")(lambda x: [x])
    one, two = f(value), f(value)
    assert one.artifact.id == two.artifact.id
    assert repr(p.unwrap(two)) == repr([value])
    assert repr(two.artifact.inputs["kargs"]["x"]) == repr(value)


@pytest.mark.parametrize("value", ["s" * 10_000_000, list(range(1_000_000))], ids=["string", "list"])
def test_large_inputs_have_a_bounded_preview_and_are_kept_exactly(value, disk_repo):
    result = p.provenance(name="f")(len)(value)
    record = result.artifact.record
    assert len(str(record.inputs_json)) < 5_000
    assert record.inputs_inline is None
    assert result.artifact.inputs["kargs"]["obj"] == value


def test_the_preview_shows_scalars_shapes_and_artifacts(repo):
    source = p.provenance(name="s")(lambda: 1)()
    f = p.provenance(name="f", ignore=["obj"])(lambda **obj: 0)
    deep = [[[[[1]]]]]
    point = Point(1, [2])
    preview = f(
        n=1, big=1 << 60, huge=1 << 9000, nan=float("nan"), s="x" * 300, a=np.zeros((2, 3)), p=source, d={"k": (1, 2)},
        deep=deep, many=list(range(30)), wide=dict.fromkeys(range(30), 0), o=object, point=point,
    ).artifact.record.inputs_json["kargs"]  # fmt: skip
    assert (preview["n"], preview["nan"], preview["d"]) == (1, "nan", {"k": [1, 2]})
    assert preview["big"] == str(1 << 60)
    assert preview["huge"] == "<int of 9001 bits>"
    assert preview["s"].endswith("(300 characters)")
    assert preview["a"] == "<numpy.ndarray (2, 3) float64>"
    assert preview["p"] == {"artifact": source.artifact.id}
    assert preview["many"][-1] == "… 30 items"
    assert preview["wide"]["…"] == "30 items"
    assert preview["deep"] == [[[["<list of 1>"]]]]
    assert preview["o"] == "<type>"
    assert preview["point"] == {"Point": {"x": 1, "y": [2]}}


def test_the_loser_of_a_race_returns_the_winners_artifact(repo):
    """Two calls that compute at once and differ in their result: one artifact stands, and both get it."""
    p.set_single_flight(False)
    barrier = threading.Barrier(2)
    results = []

    @p.provenance()
    def draw():
        barrier.wait(timeout=30)
        return [threading.get_ident()]

    def run():
        with p.using_repo(repo):
            results.append(draw())

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results[0].artifact.id == results[1].artifact.id
    assert p.unwrap(results[0]) == p.unwrap(results[1]) == repo.get_value(results[0].artifact.id)
