"""The promises of a blobstore on s3."""

from __future__ import annotations

import pytest

from tests.blobstores.remotes.places import RemoteContract


class TestS3(RemoteContract):
    @pytest.fixture(autouse=True)
    def use_server(self, s3):
        self.server = s3
