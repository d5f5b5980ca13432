"""What a type checker sees of the public names."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

PROGRAM = """
from typing import Any, assert_type
import provenance as p
import provenance_dask as pd

@pd.provenance(version=2, ignore=["b"], pass_proxies=False)
def add(a: int, b: int) -> int:
    return a + b

@p.provenance()
def eager(a: int) -> int:
    return a

node = add(add(1, 2), b=3)
assert_type(node, pd.LazyArtifact)
assert_type(pd.lazy(eager)(node), pd.LazyArtifact)
assert_type(pd.plan(node), pd.Plan)
assert_type(pd.compute(node, 3), tuple[Any, ...])
assert_type(node.key, str)
assert_type(node["member"], pd.LazyArtifact)
pd.provenance(versoin=2)
pd.provenance(version=[])
"""


def test_public_names_are_typed(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM, "utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--no-pretty", str(program)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    assert len([line for line in lines if "error:" in line]) == 2, done.stdout
    assert 'Unexpected keyword argument "versoin"' in lines[0]
    assert 'Argument "version"' in done.stdout
