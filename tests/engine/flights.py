"""What the processes of the tests of single flight run: ``python -m tests.engine.flights CONFIG FOLDER WHAT …``."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import provenance as p
from provenance import engine

FOLDER = Path()


@p.provenance()
def noted(n):
    """Appends to a file of executions."""
    append("executions", n)
    time.sleep(0.005)  # long enough for others to come
    return {"n": n, "process": os.getpid()}


@p.provenance()
def gated(name):
    """Goes on when a file is there that is called as its process."""
    me = sys.argv[4]
    append("executions", me)
    append("entered", me)
    until((FOLDER / f"open-{me}").exists)
    return f"{name} by {me}"


def append(file, line):
    with (FOLDER / file).open("a") as lines:
        lines.write(f"{line}\n")


def lines(folder, file):
    """The lines of a file that may not be there yet."""
    path = folder / file
    return path.read_text().splitlines() if path.exists() else []


def until(is_so):
    while not is_so():
        time.sleep(0.01)


def lend():
    """Is called when a call is about to wait."""
    append("waiting", sys.argv[4])
    return lambda _: None


def compute_many(count):
    """Compute what the others compute as well, in the same order; what came out."""
    return [p.unwrap(noted(n)) for n in range(count)]


def main(config, folder, what, *args):
    global FOLDER  # noqa: PLW0603  set once, before anything else
    FOLDER = Path(folder)
    p.load_config(json.loads(config))
    if what == "many":
        sys.stdin.readline()
        append("results", json.dumps(compute_many(int(args[0]))))
    else:
        engine.lend_threads(lend)
        append("results", f"{args[0]}: {p.unwrap(gated('it'))}")


if __name__ == "__main__":
    from tests.engine import flights  # so that the functions are those of the module

    flights.main(*sys.argv[1:])
