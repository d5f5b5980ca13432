"""The Python examples of README.md and docs/ are tests: every page runs from top to bottom in a folder of its own."""

from __future__ import annotations

import os
import shutil
import tempfile
from doctest import ELLIPSIS, NORMALIZE_WHITESPACE
from typing import Any

from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser

from provenance import state


def _open_page(namespace: dict[str, Any]) -> None:
    folder = tempfile.mkdtemp(prefix="provenance-docs-")
    namespace["_page"] = (folder, os.getcwd(), state.settings())
    namespace["__name__"] = "__main__"  # its functions are those of a notebook
    state.install(state.Settings())
    for variable in ("PROVENANCE_CONFIG", "PROVENANCE_HOME"):
        os.environ.pop(variable, None)
    os.chdir(folder)


def _close_page(namespace: dict[str, Any]) -> None:
    folder, working_directory, settings = namespace["_page"]
    os.chdir(working_directory)
    state.install(settings)
    shutil.rmtree(folder)


pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser(doctest_optionflags=ELLIPSIS | NORMALIZE_WHITESPACE), SkipParser()],
    patterns=["README.md", "docs/*.md", "docs/**/*.md"],
    setup=_open_page,
    teardown=_close_page,
).pytest()
