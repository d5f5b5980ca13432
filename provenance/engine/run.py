"""Facts about this process, recorded once with every artifact it computes."""

from __future__ import annotations

import json
import os
import platform
import sys
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from provenance import state
from provenance.errors import UsageError
from provenance.hashing import digest_of
from provenance.types import JSON, RunRecord


@dataclass(frozen=True, slots=True)
class _Run:
    pid: int
    fn: state.RunInfoFn | None
    record: RunRecord


_lock = threading.Lock()
_run: _Run | None = None


def run_info() -> dict[str, JSON]:
    """Return what is recorded about this process: host, user, command line, versions, git commit, start.

    What the function given to `set_run_info_fn` added is in it.
    """
    return dict(current_run().info)


def current_run() -> RunRecord:
    """The record of this process; a forked child gets one of its own."""
    global _run  # noqa: PLW0603  one process has one run
    fn = state.settings().run_info_fn
    run = _run
    if run is None or run.pid != os.getpid() or run.fn is not fn:
        with _lock:
            run = _Run(os.getpid(), fn, _describe(fn))
            _run = run
    return run.record


def _describe(fn: state.RunInfoFn | None) -> RunRecord:
    info: dict[str, object] = {
        "host": platform.node(),
        "pid": os.getpid(),
        "user": _user(),
        "argv": list(sys.argv),
        "cwd": _working_directory(),
        "python": platform.python_version(),
        "platform": sys.platform,
        "git_commit": _git_commit(),
        "started_at": datetime.now(UTC).isoformat(),
    }
    if fn is not None:
        returned = fn(info)
        if returned is not None:
            info = _checked(returned)
    return _as_record(info)


def _as_record(info: dict[str, object]) -> RunRecord:
    text = json.dumps(info, default=str, sort_keys=True)
    return RunRecord(id=digest_of("provenance.run", text), info=json.loads(text))


def _checked(returned: object) -> dict[str, object]:
    if isinstance(returned, dict) and all(isinstance(key, str) for key in returned):
        return cast("dict[str, object]", returned)
    msg = f"run_info_fn must change its dict in place or return a dict with string keys, got {returned!r:.80}"
    raise UsageError(msg)


def _user() -> str:
    return os.environ.get("USER") or os.environ.get("LOGNAME") or str(getattr(os, "getuid", lambda: "")())


def _working_directory() -> str | None:
    try:
        return str(Path.cwd())
    except OSError:
        return None


def _git_commit() -> str | None:
    """The commit that is checked out around the working directory, read from git's own files."""
    try:
        here = Path.cwd()
        for folder in (here, *here.parents):
            head = folder / ".git" / "HEAD"
            if head.is_file():
                return _read_ref(head.parent, head.read_text("utf-8").strip())
    except (OSError, UnicodeDecodeError):
        pass  # a fact that cannot be read is left out
    return None


def _read_ref(git: Path, head: str) -> str | None:
    if not head.startswith("ref: "):
        return head
    name = head.removeprefix("ref: ")
    loose = git / name
    if loose.is_file():
        return loose.read_text("utf-8").strip()
    packed = git / "packed-refs"
    lines = packed.read_text("utf-8").splitlines() if packed.is_file() else []
    return next((line.split()[0] for line in lines if line.endswith(" " + name)), None)
