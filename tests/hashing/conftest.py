"""The numbers in the code that hashes, varied: those of the format together with the specification."""

from __future__ import annotations

import pytest

from provenance.hashing import bulk, grammar

SETTINGS = [(4096, 64, 256, 32, 4), (60, 5, 8, 3, 2), (128, 64, 4, 2, 4), (300, 2, 64, 64, 1)]


@pytest.fixture(params=SETTINGS, ids=["as released", "tiny", "small blocks", "packs always"])
def numbers(request, monkeypatch):
    """Limit for inline encodings, strings from which they are packed, sizes of blocks, levels of small values."""
    limit, pack, block, sub_block, levels = request.param
    monkeypatch.setattr(grammar, "INLINE_LIMIT", limit)
    monkeypatch.setattr(grammar, "PACK_MINIMUM", pack)
    monkeypatch.setattr(bulk, "BLOCK", block)
    monkeypatch.setattr(bulk, "SUB_BLOCK", sub_block)
    monkeypatch.setattr(bulk, "_LEVELS", levels)
    return request.param
