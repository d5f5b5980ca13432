"""A call whose values lie in the local cache does not touch the store they came from."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.servers.proxy import HttpProxy, http_proxy

PIPELINE = """
import json, sys
import numpy as np
import provenance as p

config = json.loads(sys.argv[1])
p.load_config(config)

@p.provenance()
def a():
    print("computes a", flush=True)
    return np.arange(12_500_000, dtype="float64")  # 100 MB

@p.provenance()
def b(array):
    print("computes b", flush=True)
    return float(array.sum())

total, array = b(a()), a()
print(float(total), float(array[-1]), len(array), flush=True)
print("computed from", [float(proxy.artifact.inputs["kargs"]["array"][5]) for proxy in (total,)], flush=True)
p.get_default_repo().close()
"""
RESULT = ["78124993750000.0 12499999.0 12500000", "computed from [5.0]"]


def run(config: dict[str, Any]) -> list[str]:
    command = [sys.executable, "-W", "error", "-c", PIPELINE, json.dumps(config)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def config_of(folder: Path, s3: Any, proxy: HttpProxy, cache: str) -> dict[str, Any]:
    return {
        "blobstores": {
            "far": {
                "type": "s3",
                "url": s3.url(folder.name),
                "storage_options": {**s3.storage_options, "endpoint_url": proxy.endpoint},
                "cachedir": str(folder / cache),
            }
        },
        "artifact_repos": {"main": {"type": "sqlite", "db": str(folder / "repo.db"), "store": "far"}},
    }


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("warm")


@pytest.fixture(scope="module")
def proxy(s3: Any, place: Path) -> Iterator[HttpProxy]:
    """Counts the requests after one process has computed everything."""
    with http_proxy(s3.endpoint) as proxy:
        assert run(config_of(place, s3, proxy, "cache")) == ["computes a", "computes b", *RESULT]
        assert [request for request in proxy.requests if request.startswith(("PUT", "POST"))]
        yield proxy


def test_with_a_warm_cache_nothing_is_asked(s3: Any, proxy: HttpProxy, place: Path) -> None:
    proxy.reset()
    assert run(config_of(place, s3, proxy, "cache")) == RESULT
    assert proxy.requests == []


def test_a_cold_cache_is_filled_once(s3: Any, proxy: HttpProxy, place: Path) -> None:
    proxy.reset()
    cold = config_of(place, s3, proxy, "other")
    assert run(cold) == RESULT
    assert [request for request in proxy.requests if request.startswith("GET")]
    assert not [request for request in proxy.requests if not request.startswith(("GET", "HEAD"))]
    proxy.reset()
    assert run(cold) == RESULT
    assert proxy.requests == []
