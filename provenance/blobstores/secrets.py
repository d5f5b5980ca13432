"""Keeping passwords, keys and tokens out of what is shown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

from provenance._util.causes import causes

_SECRET_NAMES = re.compile(r"secret|token|pass|key|credential|sas|connection_string|pkey|auth|sig", re.IGNORECASE)
_NOT_SECRET = frozenset({"key_filename", "look_for_keys", "allow_agent", "host_key_policy", "auth_timeout"})
_HIDDEN = "***"
_SHORTEST = 4
_FORMS = (
    re.compile(r"(?<=://)[^/\s@:]*:[^/\s@]*(?=@)"),  # user:password@
    re.compile(r"(?<=[?&]sig=)[^&\s'\"]+"),
    re.compile(r"(?<=X-Amz-Signature=)[^&\s'\"]+"),
    re.compile(r"(?<=X-Amz-Security-Token=)[^&\s'\"]+"),
    re.compile(r"(?<=AccountKey=)[^;\s'\"]+"),
    re.compile(r"(?<=SharedAccessSignature=)[^;\s'\"]+"),
    re.compile(r"(?<=Bearer )[\w.~+/=-]+"),
)


@dataclass(frozen=True, slots=True)
class Secrets:
    """What must not be shown of the options of one store."""

    _texts: tuple[str, ...]

    @classmethod
    def of(cls, url: str, options: Mapping[str, Any]) -> Secrets:
        """Those in a URL and in options: whatever lies under a name such as ``secret``, ``token`` or ``password``."""
        found = {text for text in _values(options, within=False) if len(text) >= _SHORTEST}
        found |= {text for text in _in_url(url) if text}
        found |= {form for text in found for form in (quote(text, safe=""), unquote(text))}
        return cls(tuple(sorted(found, key=len, reverse=True)))

    def hide(self, text: str) -> str:
        """The text without them."""
        for secret in self._texts:
            text = text.replace(secret, _HIDDEN)
        for form in _FORMS:
            text = form.sub(_HIDDEN, text)
        return text

    def are_in(self, exc: BaseException) -> bool:
        """Whether a failure, or what caused it, would show one of them."""
        return any(self.hide(shown) != shown for shown in (f"{link}{link.args}" for link in causes(exc)))


def _values(options: object, *, within: bool) -> Iterator[str]:
    if isinstance(options, Mapping):
        for name, value in options.items():
            secret = within or (_SECRET_NAMES.search(str(name)) is not None and name not in _NOT_SECRET)
            yield from _values(value, within=secret)
    elif isinstance(options, list | tuple):
        for value in options:
            yield from _values(value, within=within)
    elif within and isinstance(options, str):
        yield options
        yield from _parts(options)


def _parts(text: str) -> Iterator[str]:
    """The secret parts of a connection string or of a signed query, which may be shown by themselves."""
    for piece in re.split(r"[;&?]", text):
        name, separator, value = piece.partition("=")
        if separator and _SECRET_NAMES.search(name):
            yield value


def _in_url(url: str) -> Iterator[str]:
    for part in url.split("::"):
        rest = part.partition("://")[2]
        user = rest.partition("/")[0].rpartition("@")[0]
        yield user.partition(":")[2]
        yield from _parts(rest.partition("?")[2])
