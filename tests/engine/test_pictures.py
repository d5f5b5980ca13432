"""Drawing lineage."""

from __future__ import annotations

import numpy as np
import pytest

import provenance as p
from provenance.repos.memory import MemoryRepo
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
