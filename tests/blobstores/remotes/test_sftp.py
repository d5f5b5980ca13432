"""The promises of a blobstore on sftp."""

from __future__ import annotations

import pytest

from tests.blobstores.remotes.places import RemoteContract


class TestSftp(RemoteContract):
    @pytest.fixture(autouse=True)
    def use_server(self, sftp):
        self.server = sftp

    def url(self, place):
        return self.server.url(place / "blobs")
