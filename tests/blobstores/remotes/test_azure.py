"""The promises of a blobstore on azure."""

from __future__ import annotations

import pytest

from tests.blobstores.remotes.places import RemoteContract


class TestAzure(RemoteContract):
    @pytest.fixture(autouse=True)
    def use_server(self, azure):
        self.server = azure
