"""Futures that are cancelled in mid-run, and sent again at once: as if nothing had happened."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

import provenance_dask as pd
from tests.dask.mortal import await_that, held_up
from tests.dask.pipeline import add, total


@pytest.mark.parametrize("is_same", [True, False])
@pytest.mark.parametrize("way", ["persist", "client.persist", "client.compute"])
def test_cancelled_in_mid_run_and_sent_again_at_once(client, executions, caplog, way, is_same):
    begin_it = {"persist": pd.LazyArtifact.persist, "client.persist": client.persist, "client.compute": client.compute}
    log = executions.path
    gate = Path(log).with_name("gate")

    def make():
        return total([add(held_up(number, gate=str(gate), log=log), 1, log=log) for number in range(4)], log=log)

    node = make()

    def begin():
        return begin_it[way](node if is_same else make())

    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            running = begin()
            await_that(lambda: any(client.processing().values()), "nothing runs")
            client.cancel(running)
        again = begin()
        gate.touch()
        assert (again.result() if way == "client.compute" else again.compute()) == 10
    assert not [record for record in caplog.records if "run_spec" in record.getMessage()]
    # A body that runs cannot be stopped; what is sent again waits for it.
    assert executions.take() == ["add"] * 4 + ["held_up"] * 4 + ["total"]


def test_cancelled_and_computed_at_once(client, executions, log):
    gate = Path(log).with_name("gate")
    node = add(held_up(1, gate=str(gate), log=log), 1, log=log)
    running = client.compute(node)
    await_that(lambda: any(client.processing().values()), "nothing runs")
    client.cancel(running)
    gate.touch()
    assert node.compute() == 2
    assert executions.take() == ["add", "held_up"]
