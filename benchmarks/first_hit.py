"""What a fresh process pays before it has a stored value: imports, and opening what it is stored in."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from benchmarks.measure import Pair

_ROOT = Path(__file__).parents[1]
_WORK = """
@remember
def work(a, b, c, d):
    computed.append(a)
    return "x" * 1000

assert str(work(1, 2.0, "three", True)) == "x" * 1000
assert not computed or sys.argv[1:] == ["store"], "it was not a hit"
"""
_OURS = "import sys\nimport provenance as p\ncomputed, remember = [], p.provenance()\n" + _WORK
_THEIRS = "import sys\nimport joblib\ncomputed, remember = [], joblib.Memory('joblib', verbose=0).cache\n" + _WORK

_FORKING = """
import os, sys
for line in sys.stdin:
    child = os.fork()
    if not child:
        __import__(line.strip())
        os._exit(0)
    print(os.waitpid(child, 0)[1], flush=True)
"""
"""A bare interpreter that imports each module it is told in a copy of itself."""


@contextmanager
def pairs(folder: Path, *, tiny: bool) -> Iterator[list[Pair]]:
    """A first hit with four scalar arguments and a value of 1 KB, stored before; and the imports alone."""
    del tiny  # one process each time is little enough
    ours, theirs = _script(folder / "ours.py", _OURS), _script(folder / "theirs.py", _THEIRS)
    ours("store")
    theirs("store")
    with _imports(folder) as imported:
        yield [
            Pair("first hit in a fresh process, all of it", "joblib.Memory", ours, theirs, 1, 2.5),
            Pair(
                "import provenance, over the bare interpreter",
                "import dask",
                lambda: imported("provenance"),
                lambda: imported("dask"),
                1,
                2.5,
            ),
        ]


def _script(file: Path, text: str) -> Callable[..., object]:
    """Run a script in a new process each time, in its folder, where what it remembers is kept."""
    file.write_text(text)
    environment = {
        **os.environ,
        **_byte_code(file.parent),
        "PROVENANCE_HOME": str(file.parent),
        "PYTHONPATH": str(_ROOT),
    }
    command = [sys.executable, str(file)]
    return lambda *words: subprocess.run([*command, *words], cwd=file.parent, env=environment, check=True)  # noqa: S603


def _byte_code(folder: Path) -> dict[str, str]:
    """What has Python keep byte code in the folder, as it does beside the modules where that is not turned off."""
    return {"PYTHONPYCACHEPREFIX": str(folder / "byte-code"), "PYTHONDONTWRITEBYTECODE": ""}


@contextmanager
def _imports(folder: Path) -> Iterator[Callable[[str], None]]:
    command, environment = [sys.executable, "-c", _FORKING], {**os.environ, **_byte_code(folder)}
    with subprocess.Popen(  # noqa: S603
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as server:
        asked, answers = cast("IO[str]", server.stdin), cast("IO[str]", server.stdout)

        def imported(module: str) -> None:
            print(module, file=asked, flush=True)
            if answers.readline().strip() != "0":
                msg = f"{module} could not be imported"
                raise RuntimeError(msg)

        yield imported
        asked.close()
