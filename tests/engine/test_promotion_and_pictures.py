"""Copying artifacts with their lineage to another repo, and drawing lineage."""

from __future__ import annotations

import numpy as np
import pytest

import provenance as p
from provenance.blobstores import DiskStore
from provenance.repos.memory import MemoryRepo
from provenance.repos.sql.repo import SqlRepo
from provenance.vis import picture


@p.provenance()
def source(n):
    return np.arange(float(n))


@p.provenance()
def inner(x):
    return float(x.sum())


@p.provenance(tags=["t"])
def outer(a, b):
    return [inner(a), inner(b)]


@pytest.fixture
def target(tmp_path):
    return SqlRepo(str(tmp_path / "team.db"), DiskStore(tmp_path / "team"), name="team")


def test_everything_behind_an_artifact_is_copied_once(target, monkeypatch):
    result = outer(source(10_000), source(3))
    promoted = p.promote(result, target)
    assert promoted.repo is target
    wanted = [a.id for a in p.dependencies(result)]
    assert len(wanted) == 5
    assert [a.id for a in target.batch_get_by_id(wanted)] == wanted
    with p.using_repo(target):
        loaded = p.load_proxy(result.artifact.id)
        assert loaded == [float(np.arange(10_000).sum()), 3.0]
        assert loaded.artifact.inputs["kargs"]["a"].artifact.repo is target
        assert p.dependencies(loaded) == p.dependencies(result)
    assert promoted.record.value_id == result.artifact.value_id
    assert promoted.tags == ["t"]
    assert promoted.run_info == result.artifact.run_info
    puts = []
    monkeypatch.setattr(type(target), "put", lambda self, artifact: puts.append(artifact))
    p.promote(result.artifact.id, target)
    assert puts == []


def test_a_promotion_that_was_interrupted_goes_on(target, monkeypatch):
    result = outer(source(10_000), source(3))
    original = type(target).put
    left = [2]

    def put(self, artifact):
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return original(self, artifact)

    monkeypatch.setattr(type(target), "put", put)
    with pytest.raises(KeyboardInterrupt):
        p.promote(result, target)
    assert result.artifact.id not in target
    monkeypatch.setattr(type(target), "put", original)
    p.promote(result, target)
    assert len(target.find_records([a.id for a in p.dependencies(result)])) == 5


def test_bytes_are_copied_without_unpickling(target, monkeypatch):
    result = source(10_000)
    from provenance.repos import base

    monkeypatch.setattr(base, "unpack", None)
    p.promote(result, target)


def test_a_set_is_promoted_with_its_members(target, repo):
    made = p.create_set([outer(source(1), source(2))], "release")
    promoted = p.promote(made, target)
    assert promoted == made
    assert target.get_set_by_labels("release") == made
    assert len(target.find_records(list(made))) == 1


def test_from_repo_says_where_to_look(target, repo):
    elsewhere = MemoryRepo(name="elsewhere")
    with p.using_repo(elsewhere):
        artifact = source(1).artifact
    p.promote(artifact.id, target, from_repo=elsewhere)
    assert artifact.id in target
    with pytest.raises(p.ArtifactNotFoundError, match="elsewhere"):
        p.promote(source(2).artifact.id, target, from_repo=elsewhere)


def test_a_target_that_may_not_be_written_says_so():
    with pytest.raises(p.PermissionDeniedError):
        p.promote(source(1), MemoryRepo(name="closed", write=False))


def test_the_picture_shows_every_artifact_and_reference(tmp_path):
    result = outer(source(4), source(3))
    gathered = p.provenance(name='say "hi"\\', pass_proxies=True)(lambda r: {"r": r})(result)
    drawn = p.visualize_lineage(gathered)
    for artifact in p.dependencies(gathered):
        assert f'"{artifact.id[:12]}" [label=' in drawn.dot
    assert "style=dotted" in drawn.dot
    assert "style=dashed" in drawn.dot
    assert "n=4" in drawn.dot
    assert r"say \"hi\"\\" in drawn.dot
    assert str(drawn) == drawn.dot
    assert "6 nodes" in repr(drawn)
    assert drawn.save(tmp_path / "x.dot").read_text() == drawn.dot
    assert drawn.save(tmp_path / "x.svg").read_text().rstrip().endswith("</svg>")
    assert drawn.save(str(tmp_path / "x.PNG")).read_bytes().startswith(b"\x89PNG")
    bundle = drawn._repr_mimebundle_()
    assert "<svg" in bundle["image/svg+xml"]
    with pytest.raises(p.UsageError, match=r"\.svg"):
        drawn.save(tmp_path / "x.gif")


def test_without_graphviz_the_picture_is_text(monkeypatch, tmp_path):
    monkeypatch.setattr(picture, "_find_graphviz", lambda: None)
    drawn = p.visualize_lineage(source(1))
    assert drawn._repr_mimebundle_() == {"text/plain": drawn.dot}
    with pytest.raises(p.UsageError, match=r"provenance\[vis\]"):
        drawn.save(tmp_path / "x.svg")


def test_a_graph_that_cannot_be_drawn_says_why(tmp_path):
    with pytest.raises(p.UsageError, match="could not draw"):
        picture.Picture("digraph {").save(tmp_path / "x.svg")


def test_lineage_across_repos(repo):
    other = MemoryRepo(name="other")
    p.state.change(repos={"other": other})
    try:
        s = p.provenance(name="s", repo="other")(lambda: [1])()
        result = p.provenance(name="r")(len)(s)
        assert p.dependencies(result) == [s.artifact, result.artifact]
        other.delete(s.artifact.id)
        with pytest.raises(p.ArtifactNotFoundError, match="1 artifacts of the lineage"):
            p.dependencies(result)
    finally:
        p.state.change(repos={})
