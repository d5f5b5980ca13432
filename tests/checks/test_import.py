"""``import provenance`` loads nothing heavy, and every public name is there."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys

import pytest

import provenance as p
import provenance.blobstores
import provenance.engine
import provenance.hashing

HEAVY = {
    "alembic",
    "blake3",
    "cloudpickle",
    "dask",
    "distributed",
    "fsspec",
    "joblib",
    "numpy",
    "pandas",
    "psycopg",
    "pyarrow",
    "sqlalchemy",
    "sqlite3",
    "wrapt",
    "yaml",
}


def packages_after(code):
    """What a new interpreter has loaded that runs `code`; its coverage is not measured, which loads something too."""
    script = f"import json, sys\n{code}\nprint(json.dumps(sorted(sys.modules)))"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment)
    return {name.partition(".")[0] for name in json.loads(done.stdout)}


def test_importing_loads_nothing_heavy():
    loaded = packages_after("import provenance")
    assert "provenance" in loaded
    assert not loaded & HEAVY


def test_what_is_called_heavy_exists():
    assert [name for name in HEAVY if importlib.util.find_spec(name) is None] == []


def test_every_public_name_is_there():
    assert sorted(p.__all__) == sorted(set(p.__all__))
    assert [name for name in p.__all__ if getattr(p, name, None) is None] == []
    assert set(p.__all__) <= set(dir(p))


def test_no_module_hides_a_public_name():
    assert [name for name in p.__all__ if importlib.util.find_spec(f"provenance.{name}")] == []


@pytest.mark.parametrize("package", [provenance.blobstores, provenance.engine, provenance.hashing])
def test_every_name_of_a_lazy_package_is_there(package):
    assert [name for name in package.__all__ if not hasattr(package, name)] == []
    with pytest.raises(AttributeError, match=f"'{package.__name__}' has no attribute 'missing'"):
        _ = package.missing


NOT_FOR_A_HIT = {"concurrent", "dataclasses", "inspect", "logging", "sqlalchemy", "traceback"}


def test_a_hit_loads_nothing_that_only_misses_and_messages_need(tmp_path, monkeypatch):
    monkeypatch.setenv("PROVENANCE_HOME", str(tmp_path))
    code = "import provenance as p\n@p.provenance()\ndef work(a, b=2):\n    return [a, b]\nassert work(1) == [1, 2]\n"
    assert packages_after(code) >= {"dataclasses", "inspect"}
    assert not packages_after(code) & NOT_FOR_A_HIT
