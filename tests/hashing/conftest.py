"""The numbers in the code that hashes, varied: those of the format together with the specification."""

from __future__ import annotations

from itertools import product

import pytest

from provenance.hashing import bulk, grammar, inline
from tests.parts import missing

SETTINGS = {
    "as released": (4096, 64, 256, 32, 32, 4),
    "tiny": (60, 5, 8, 3, 3, 2),
    "small blocks": (128, 64, 4, 2, 2, 4),
    "packs always": (300, 2, 64, 64, 64, 1),
}


@pytest.fixture(params=["compiled", "by marshal"])
def writer(request, monkeypatch):
    """What writes small values."""
    use(request.param, monkeypatch)
    return request.param


@pytest.fixture(params=list(product(SETTINGS, ["compiled", "by marshal"])), ids=", ".join)
def numbers(request, monkeypatch):
    """Limit for inline encodings, strings from which they are packed, sizes of blocks, levels of small values."""
    setting, writer = request.param
    limit, pack, block, sub_block, rows, levels = SETTINGS[setting]
    monkeypatch.setattr(grammar, "INLINE_LIMIT", limit)
    monkeypatch.setattr(grammar, "PACK_MINIMUM", pack)
    monkeypatch.setattr(bulk, "BLOCK", block)
    monkeypatch.setattr(bulk, "SUB_BLOCK", sub_block)
    monkeypatch.setattr(inline, "ROWS", rows)
    monkeypatch.setattr(inline, "LEVELS", levels)
    monkeypatch.setattr(inline, "RUN", block * 3)
    use(writer, monkeypatch)
    inline._shapes.clear()  # of keys that are short by another limit
    yield
    monkeypatch.undo()
    inline._shapes.clear()
    inline.select_writers()


def use(writer, monkeypatch):
    """Let small values be written by the compiled code, or by marshal."""
    if writer == "compiled" and inline._native is None:
        missing("the compiled writer of small values: python hatch_build.py makes it")
    if writer != "compiled":
        monkeypatch.setattr(inline, "_native", None)
    for name, function in zip(("small", "run", "digest"), inline.select_writers(), strict=True):
        monkeypatch.setattr(inline, name, function)
