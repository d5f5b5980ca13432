"""The promises of a blobstore on gcs."""

from __future__ import annotations

import pytest

from tests.blobstores.remotes.places import RemoteContract


class TestGcs(RemoteContract):
    @pytest.fixture(autouse=True)
    def use_server(self, gcs):
        self.server = gcs
