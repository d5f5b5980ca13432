"""Rules about the tree as a whole that no linter knows."""

from __future__ import annotations

import ast
import configparser
import os
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = [folder for folder in (ROOT / "provenance", ROOT / "provenance_dask") if folder.is_dir()]
MODULES = sorted(file for folder in PACKAGES for file in folder.rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
MOST_LINES = 400
MOST_LINES_OF_A_FUNCTION = 60


def lines_matching(files, pattern):
    return [
        f"{file.relative_to(ROOT)}:{number}: {line.strip()}"
        for file in files
        for number, line in enumerate(file.read_text("utf-8").splitlines(), 1)
        if re.search(pattern, line)
    ]


def functions():
    for file in MODULES:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield file.relative_to(ROOT), node


def test_nothing_is_left_to_be_done():
    assert not lines_matching([*MODULES, *TESTS], r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")


def test_no_test_is_switched_off():
    """One that needs another system or user says so with ``skipif`` and a reason.

    Only torch may be missing: it comes as a download of gigabytes, which no extra asks for.
    """
    switched_off = r"mark\.(sk" r"ip|xf" r"ail)\b|pytest\.(xf" r"ail\b|importorsk" r'ip\b(?!\("torch"\)))'
    assert not lines_matching(TESTS, switched_off)


def test_modules_are_short():
    """A longer one says why in a comment."""
    long = [file for file in MODULES if len(file.read_text("utf-8").splitlines()) > MOST_LINES]
    assert [str(file) for file in long if "# Longer than 400 lines: " not in file.read_text("utf-8")] == []


def test_functions_are_short():
    lengths = {f"{file}:{node.name}": _lines_of_code(node) for file, node in functions()}
    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES_OF_A_FUNCTION} == {}


def _lines_of_code(node):
    """Lines from ``def`` to the end without the docstring, which may be as long as it must."""
    first = node.body[0]
    is_documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    docstring = first.end_lineno - first.lineno + 1 if is_documented else 0
    return node.end_lineno - node.lineno + 1 - docstring


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_every_part_of_a_package_has_its_layer(package):
    layers = configparser.ConfigParser()
    layers.read(ROOT / "importlinter.ini")
    [contract] = [
        section
        for section in map(layers.__getitem__, layers.sections())
        if section.get("type") == "layers" and section["containers"] == package.name
    ]
    named = set(re.findall(r"\w+", contract["layers"]))
    parts = {path.stem for path in package.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert parts - {"__init__"} <= named
    assert contract["exhaustive"] == "true"


def commands():
    """The one-line commands of the README."""
    return re.findall(r"```sh\n(python3 -m venv [^\n]*)\n```", (ROOT / "README.md").read_text("utf-8"))


def test_continuous_integration_runs_the_command_of_the_readme():
    main_job, every_check = commands()
    assert main_job.endswith("-m examples.flights")
    assert every_check.endswith("ci/check.py")
    assert (ROOT / ".ci/run").read_text("utf-8").splitlines()[-1] == every_check
    assert os.access(ROOT / ".ci/run", os.X_OK)


def test_the_commands_name_extras_that_exist():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    named = {extra for command in commands() for extra in re.search(r"\.\[(.*?)\]", command)[1].split(",")}
    assert named <= set(project["optional-dependencies"])
    users = {"postgres", "s3", "gcs", "azure", "sftp", "pandas", "vis", "examples", "all"}
    assert users | {"benchmarks", "test", "dev", "docs"} == set(project["optional-dependencies"])


def test_the_version_is_told_once_to_all():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    from provenance import __version__

    assert project["version"] == __version__
    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text("utf-8")
