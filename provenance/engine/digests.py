"""Value hashes of the arguments of a call."""

from __future__ import annotations

from typing import NamedTuple


class Digests(NamedTuple):
    """Value hashes of the arguments that count: ``(name, digest)`` sorted by name, and by position."""

    named: tuple[tuple[str, str], ...]
    positional: tuple[str, ...]

    def by_path(self) -> dict[str, str]:
        """The digests by the path of their argument."""
        return {
            **{f"kargs[{name!r}]": digest for name, digest in self.named},
            **{f"varargs[{index}]": digest for index, digest in enumerate(self.positional)},
        }
