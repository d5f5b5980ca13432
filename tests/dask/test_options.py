"""The namespace ``provenance`` of Dask's configuration."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import dask
import numpy as np
import pytest
from dask.utils import Dispatch

import provenance as p
import provenance_dask as pd
from provenance.errors import ConfigError
from provenance_dask import preload
from provenance_dask.options import options
from provenance_dask.shipping import surroundings
from tests.dask.pipeline import block, source

ROOT = Path(__file__).parents[2]


def test_defaults_are_in_dasks_configuration():
    assert dask.config.get("provenance") == {"config": None, "connect": True, "literal-limit": "64 KiB"}
    assert (options().config, options().connect, options().literal_limit) == (None, True, 65536)


@pytest.mark.parametrize("key", ["literal-limit", "literal_limit"])
def test_options_can_be_set(key):
    with dask.config.set({f"provenance.{key}": "2 MiB"}):
        assert options().literal_limit == 2 << 20
    with dask.config.set({f"provenance.{key}": None}):
        assert options().literal_limit is None


def test_environment_variables_are_read():
    program = (
        "import provenance_dask, dask\nfrom provenance_dask.options import options\n"
        "print(options().literal_limit, options().connect, options().config)"
    )
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "DASK_PROVENANCE__LITERAL_LIMIT": "1 kB",
        "DASK_PROVENANCE__CONNECT": "false",
        "DASK_PROVENANCE__CONFIG": "/somewhere/p.yaml",
    }
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "1000 False /somewhere/p.yaml\n"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"provenance.literal-limits": 1}, r"provenance\.literal-limits .*did you mean provenance\.literal-limit\?"),
        ({"provenance.zzz": 1}, r"provenance\.zzz .*there are config, connect, literal-limit"),
        (
            {"provenance.literal-limit": "much"},
            r"provenance\.literal-limit .* a size such as 1 MiB, or null, got 'much'",
        ),
        ({"provenance.literal-limit": [1]}, r"provenance\.literal-limit .* a size"),
        ({"provenance.connect": 3}, r"provenance\.connect .* must be true or false, got 3"),
        ({"provenance.config": 3}, r"provenance\.config .* must be the path of a file, a mapping or null, got 3"),
        ({"provenance": [1]}, r"provenance in Dask's configuration must be a mapping"),
    ],
)
def test_what_cannot_be_is_refused(repo, log, settings, message):
    with dask.config.set(settings), pytest.raises(ConfigError, match=message):
        source(1, log=log).compute(scheduler="threads")


# ---- the preload


def test_the_preload_loads_a_mapping(sqlite_config):
    with dask.config.set({"provenance.config": sqlite_config}):
        preload.dask_setup(object())
    assert p.get_default_repo().name == "local"


def test_the_preload_loads_a_file(tmp_path):
    (tmp_path / "p.yaml").write_text("artifact_repos: {filed: {type: memory}}\ndefault_repo: filed\n", "utf-8")
    with dask.config.set({"provenance.config": str(tmp_path / "p.yaml")}):
        preload.dask_setup(object())
    assert p.get_default_repo().name == "filed"


def test_the_preload_leaves_alone_what_nobody_names(repo):
    preload.dask_setup(object())
    assert p.get_default_repo() is repo


def test_the_preload_refuses_unknown_keys():
    with dask.config.set({"provenance.confg": 1}), pytest.raises(ConfigError, match=r"did you mean provenance\.config"):
        preload.dask_setup(object())


# ---- workers with a configuration of their own


def test_workers_may_have_a_configuration_of_their_own(client, sqlite_config, tmp_path, log):
    theirs = {
        **sqlite_config,
        "blobstores": {"disk": {"type": "disk", "cachedir": str(tmp_path / "theirs")}},
    }
    source(1, log=log).compute()
    with dask.config.set({"provenance.connect": False}):
        client.run(p.load_config, theirs)
        result = block(1, log=log).compute()
        assert (tmp_path / "theirs").is_dir()
        assert not list((tmp_path / "blobs").rglob("*/*"))
        p.load_config(theirs)
        assert p.load_proxy(result.artifact_id).sum() == 2048


def test_what_is_sent_with_tasks_follows_the_option(configured):
    assert surroundings().config == p.current_config()
    with dask.config.set({"provenance.connect": False}):
        assert surroundings().config == {}
        assert surroundings() is surroundings()
    assert surroundings().config == p.current_config()


def test_workers_of_their_own_need_the_repo(client, log):
    client.run(p.load_config, {"artifact_repos": {"else": {"type": "memory"}}, "default_repo": "else"})
    with dask.config.set({"provenance.connect": False}), pytest.raises(ConfigError, match="has no repo 'local'"):
        source(1, log=log).compute()


# ---- sizes


def entry_points():
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["entry-points"]


def test_dask_learns_the_size_of_proxies_when_it_meets_one(repo):
    """By the entry point, without anything else of the plugin."""
    sizeof = Dispatch("sizeof")
    sizeof.register(object, lambda obj: 1)
    sizeof.register(np.ndarray, lambda array: array.nbytes)
    (name, target), *others = entry_points()["dask.sizeof"].items()
    assert not others
    EntryPoint(name, target, "dask.sizeof").load()(sizeof)

    @p.provenance(name="ones")
    def ones(n):
        return np.ones(n)

    held, bare = ones(1000), p.load_proxy(ones(1000).artifact_id)
    assert sizeof(held) == 8000
    assert sizeof(bare) < 1000
    assert not bare.is_loaded
    assert sizeof(3) == 1


def test_dask_knows_the_size_of_proxies(repo, log):
    result = block(1, log=log).compute(scheduler="sync")
    assert dask.sizeof.sizeof(result) >= 2048 * 8
    assert dask.sizeof.sizeof(p.load_proxy(result.artifact_id)) < 1000


def test_asking_for_sizes_imports_little():
    program = (
        "import sys, provenance_dask.sizes; print('provenance.engine' in sys.modules, 'distributed' in sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"


def test_names_of_the_package_are_those_it_promises():
    assert set(pd.__all__) <= set(dir(pd))
    with pytest.raises(AttributeError, match="no attribute 'zzz'"):
        pd.zzz  # noqa: B018  asking is what is tested
