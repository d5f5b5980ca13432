"""The hashes of many values are frozen: a change of any is a new scheme."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from provenance.hashing import SCHEME, hash_value
from tests.hashing.examples import examples

GOLDEN = json.loads((Path(__file__).parent.parent / "golden" / "hashing" / "scheme-2.json").read_text())


def test_the_scheme_number_belongs_to_the_golden_file():
    assert SCHEME == 2


@pytest.mark.parametrize("name", examples())
def test_the_hash_is_the_frozen_one(name):
    assert hash_value(examples()[name]) == GOLDEN[name]


def test_every_frozen_hash_is_of_an_example():
    assert GOLDEN.keys() == examples().keys()


def test_different_values_have_different_hashes():
    assert len(set(GOLDEN.values())) == len(GOLDEN)


@pytest.mark.parametrize("seed", ["1", "2"])
def test_another_process_with_another_hash_seed_gets_the_same_hashes(seed):
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    printed = subprocess.run(
        [sys.executable, "-m", "tests.hashing.examples"],
        cwd=Path(__file__).parent.parent.parent,
        env=environment,
        check=True,
        capture_output=True,
    ).stdout
    assert json.loads(printed) == GOLDEN
