"""The job script and the cluster specification in docs/dask-clusters.md are what the libraries make of its examples."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

PAGE = (Path(__file__).parents[2] / "docs" / "dask-clusters.md").read_text("utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def run(beginning):
    """Run the Python block that starts like this, and return its names."""
    names: dict[str, object] = {}
    (block,) = (block for block in blocks("python") if block.startswith(beginning))
    exec(block, names)
    return names


def words(script):
    """The words of a job script, without what depends on the machine."""
    lines = [line for line in script.split("\n") if line]
    lines[-1] = re.sub(r"\S*python\S*|tcp://\S+", "", " ".join(lines[-1:]))
    return " ".join(lines).split()


def test_the_job_script_is_the_rendered_one():
    (shown,) = blocks("text")
    joined = shown.replace("\n  --", " --")
    script = run("from dask_jobqueue import")["script"]
    assert words(script) == words(joined)
    assert "--preload provenance_dask.preload" in script
    assert "export DASK_PROVENANCE__CONFIG=" in script


def test_the_cluster_specification_is_the_rendered_one():
    (shown,) = (block for block in blocks("yaml") if block.startswith("args:"))
    spec = run("from dask_kubernetes.operator import")["spec"]["spec"]
    container = spec["worker"]["spec"]["containers"][0]
    assert yaml.safe_load(shown) == {key: container[key] for key in ("args", "env", "image", "name")}
    assert spec["scheduler"]["spec"]["containers"][0]["args"][-2:] == ["--preload", "provenance_dask.preload"]
    assert spec["worker"]["spec"]["volumes"] == spec["scheduler"]["spec"]["volumes"]


def test_the_defaults_are_those_of_the_package():
    from provenance_dask import options

    (shown,) = (block for block in blocks("yaml") if block.startswith("provenance:"))
    assert yaml.safe_load(shown) == options._DEFAULTS
