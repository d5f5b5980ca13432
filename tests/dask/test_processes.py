"""Worker processes that know nothing: Dask's own pool, and programs whose functions are in ``__main__``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import dask
import pytest

import provenance as p
import provenance_dask as pd
from provenance.errors import ConfigError
from provenance.repos.memory import MemoryRepo
from tests.dask.pipeline import add, process_of, source, split

ROOT = Path(__file__).parents[2]


def test_processes_get_the_configuration_with_their_tasks(configured, executions, log):
    node = add(source(1, log=log), split(10, log=log)["tenth"], log=log)
    results = pd.compute(node, process_of(1, log=log), scheduler="processes", num_workers=1)
    assert results[0] == 2
    assert results[1] != os.getpid()
    assert executions.take() == ["add", "process_of", "source", "split"]
    assert dask.compute(add(source(1, log=log), 1, log=log), scheduler="processes", num_workers=1) == (2,)
    assert executions.take() == ["add"]


def test_processes_cannot_use_a_repo_of_this_one(log):
    with p.using_repo(MemoryRepo(name="mine")), pytest.raises(ConfigError, match="'mine' exists only in the process"):
        source(1, log=log).compute(scheduler="processes", num_workers=1)


PROGRAM = """
import sys
from pathlib import Path
import provenance as p
import provenance_dask as pd

@pd.provenance(ignore=["log"])
def square(x, log):
    with open(log, "a") as file: print("square", file=file)
    return helper(x)

def helper(x):
    return x * x

@pd.provenance(ignore=["log"])
def total(xs, log):
    with open(log, "a") as file: print("total", file=file)
    return sum(xs)

def pipeline(log):
    return total([square(i, log) for i in range(4)], log)

if __name__ == "__main__":
    log = "executions"
    if pd.plan(pipeline(log)).to_run:
        from distributed import Client, LocalCluster
        one = {"n_workers": 1, "threads_per_worker": 1, "dashboard_address": "127.0.0.1:0"}
        with LocalCluster(**one) as cluster, Client(cluster):
            assert pipeline(log).compute() == 14
    plan = pd.plan(pipeline(log))
    print(plan.hits, plan.to_run, plan.undecided)
"""


def test_functions_of_a_program_run_on_workers(tmp_path):
    """As a script and as a module they are the same functions, and so they are on the workers."""
    (tmp_path / "program.py").write_text(PROGRAM, "utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for arguments in (["-m", "program"], ["program.py"]):
        done = subprocess.run(
            [sys.executable, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert (done.stdout, done.returncode) == ("5 0 0\n", 0), done.stderr
        assert sorted((tmp_path / "executions").read_text("utf-8").split()) == ["square"] * 4 + ["total"]
    assert (tmp_path / ".provenance").is_dir()
