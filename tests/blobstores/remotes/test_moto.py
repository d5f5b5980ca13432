"""The promises of a blobstore on moto."""

from __future__ import annotations

import pytest

from tests.blobstores.remotes.places import RemoteContract


class TestMoto(RemoteContract):
    @pytest.fixture(autouse=True)
    def use_server(self, moto):
        self.server = moto
