"""Stored results that are lost or damaged are computed again by whoever meets them, and are whole afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest

import provenance as p
from tests.dask.pipeline import block, block_sum


def damage(artifact_or_proxy):
    """Overwrite the stored bytes of a value, whose size stays."""
    file = _file_of(artifact_or_proxy)
    file.chmod(0o644)
    file.write_bytes(b"x" * file.stat().st_size)


def _file_of(proxy):
    record = proxy.artifact.record
    folder = Path(p.current_config()["blobstores"]["disk"]["cachedir"])
    (file,) = (found for found in folder.rglob(f"*{record.value_blob.key[-20:]}*") if found.is_file())
    return file


def fresh_process():
    """Forget what this process has verified."""
    p.load_config(p.current_config())


@pytest.fixture
def stored(configured, executions, log):
    """A stored block whose bytes are damaged."""
    result = block(3, log=log).compute(scheduler="sync")
    damage(result)
    fresh_process()
    assert executions.take() == ["block"]
    return result.artifact_id


@pytest.mark.parametrize("scheduler", ["sync", "threads"])
def test_a_damaged_input_is_computed_again(stored, executions, log, scheduler):
    assert block_sum(block(3, log=log), log=log).compute(scheduler=scheduler) == 3 * 2048
    assert executions.take() == ["block", "block_sum"]
    fresh_process()
    assert p.load_proxy(stored).sum() == 3 * 2048


def test_a_damaged_result_is_computed_again_when_it_is_used(stored, executions, log):
    result = block(3, log=log).compute(scheduler="sync")
    assert executions.take() == []
    assert result.sum() == 3 * 2048
    assert executions.take() == ["block"]
    fresh_process()
    assert p.load_proxy(stored).sum() == 3 * 2048
