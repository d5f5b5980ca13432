"""A blob that goes in parts, and how its parts look to a proxy."""

from __future__ import annotations

import os
from typing import Any

from provenance.testing.blobstores import key_of

PART = 5 << 20
LARGE = os.urandom(1 << 20) * 12  # two parts of 5 MiB and one of 2
KEY = key_of(LARGE)


def is_part(name: str) -> Any:
    """Tells the requests that upload a part."""
    marks = {"s3": ("PUT", "partNumber="), "gcs": ("POST", "uploadType=media"), "azure": ("PUT", "comp=block&")}
    method, mark = marks["s3" if name == "moto" else name]
    return lambda request: request.startswith(method) and mark in request


def sent_parts(proxied: Any) -> int:
    is_sent = is_part(proxied.name)
    sizes = zip(proxied.proxy.requests, proxied.proxy.bodies, strict=True)
    return sum(is_sent(request) and size > 1 << 20 for request, size in sizes)
