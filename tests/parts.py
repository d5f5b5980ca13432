"""Parts of the system that some tests need."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def missing(part: str) -> NoReturn:
    """Skip the running test, naming the part it needs; fail where the checks install every part."""
    if os.environ.get("CI"):
        pytest.fail(f"needs {part}, which ci/check.py should have installed")
    pytest.skip(f"needs {part}")
