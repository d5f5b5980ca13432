"""Processes that begin their work at the same moment."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run_together(commands, without=(), **options):
    """Run commands that wait for a line on standard input; what each wrote to standard error.

    Variables of the environment that start with one of `without` are kept from them.
    """
    environment = {key: value for key, value in os.environ.items() if not key.startswith(tuple(without))}
    environment["PYTHONPATH"] = str(ROOT)
    processes = [
        subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        for command in commands
    ]
    for process in processes:
        process.stdin.write(b"go\n")
        process.stdin.flush()
    written = []
    for process in processes:
        _, errors = process.communicate(**options)
        assert process.returncode == 0, errors.decode()
        written.append(errors)
    return written
