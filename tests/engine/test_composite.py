"""Functions that return several artifacts at once."""

from __future__ import annotations

import pytest

import provenance as p


def make(**options):
    @p.provenance(returns_composite=True, name="parts", **options)
    def parts(n):
        return {"numbers": list(range(n)), "text": "x" * n}

    return parts


def test_every_member_is_an_artifact_of_its_own(repo):
    result = make()(3)
    assert result.artifact.composite
    assert result == {"numbers": [0, 1, 2], "text": "xxx"}
    members = {key: result[key].artifact for key in result}
    assert {key: artifact.name for key, artifact in members.items()} == {
        "numbers": "parts_numbers",
        "text": "parts_text",
    }
    assert all(artifact.id in repo for artifact in members.values())
    assert members["numbers"].value_id == p.hash([0, 1, 2])
    assert members["numbers"].value == [0, 1, 2]


def test_a_reused_composite_loads_members_when_they_are_used(repo, monkeypatch):
    first = make()(3)
    result = make()(3)
    loaded = []
    original = type(repo).load_value
    monkeypatch.setattr(
        type(repo), "load_value", lambda self, record: loaded.append(record.name) or original(self, record)
    )
    assert set(result) == {"numbers", "text"}
    assert loaded == ["parts"]
    assert result["text"] == "xxx"
    assert loaded == ["parts", "parts_text"]
    assert result["numbers"].artifact == first["numbers"].artifact


def test_the_composite_hashes_as_its_dict():
    result = make()(2)
    assert p.hash(result) == p.hash({"numbers": [0, 1], "text": "xx"}) == result.artifact.value_id


def test_options_for_the_serializer_can_be_given_by_key():
    result = make(serializer={"numbers": "cloudpickle"}, dump_kwargs={"text": {}}, load_kwargs={"text": {}})(2)
    assert result["numbers"].artifact.serializer == "cloudpickle"
    assert result["text"].artifact.serializer == "joblib"
    assert make(serializer="cloudpickle", version=2)(2)["text"].artifact.serializer == "cloudpickle"


def test_members_are_inputs_with_lineage_and_know_where_they_come_from():
    source = p.provenance(name="source")(lambda: 3)()
    parts = make()(source)
    total = p.provenance(name="total")(sum)(parts["numbers"])
    assert total == 3
    names = [artifact.name for artifact in p.dependencies(total)]
    assert names == ["source", "parts_numbers", "total"]
    assert [a.name for a in p.dependencies(parts)][-1] == "parts"


def test_a_composite_that_is_not_cached_records_each_value(calls):
    @p.provenance(returns_composite=True, use_cache=False)
    def f():
        calls.append(1)
        return {"n": len(calls)}

    one, two = f(), f()
    assert one.artifact.id != two.artifact.id
    assert one["n"].artifact.id != two["n"].artifact.id
    assert (one["n"], two["n"]) == (1, 2)


@pytest.mark.parametrize("returned", [None, [1], {1: 2}, "text"])
def test_what_is_no_dict_with_string_keys_is_refused(returned):
    f = p.provenance(name="f", returns_composite=True)(lambda: returned)
    with pytest.raises(p.CompositeError, match="returns_composite=True"):
        f()
