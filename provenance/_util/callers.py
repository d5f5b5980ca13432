"""Where in the user's code a warning belongs."""

from __future__ import annotations

import sys


def caller_level() -> int:
    """How many frames the first one outside this package is away, so that a warning names the user's line."""
    level, frame = 1, sys._getframe(1)  # noqa: SLF001  inspect.stack() reads source files
    while frame.f_back is not None and _is_ours(frame.f_globals.get("__name__", "")):
        level, frame = level + 1, frame.f_back
    return level


def _is_ours(module: str) -> bool:
    """Whether a module is of this package, or stands between it and the end of a ``with`` block."""
    return module == "contextlib" or module.startswith("provenance.")
