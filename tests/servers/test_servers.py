"""The servers of the tests are there, and behave as the tests of stores rely on."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("name", ["moto", "gcs", "azure", "sftp"])
def test_they_start(name, request):
    assert request.getfixturevalue(name).storage_options
