"""Any Python string as text that every database takes: NUL and lone surrogates are escaped, and come back.

What is escaped stands behind U+FFFE, which is no character; where that occurs itself it is escaped too.
"""

from __future__ import annotations

import re

MARK = "\ufffe"
_REFUSED = "[\0\ud800-\udfff\ufffe]"
_ESCAPED = "\ufffe([0-9a-f]{4})"


def storable_text(text: str) -> str:
    """`text` with what a database could refuse escaped."""
    if text.isascii() and "\0" not in text:
        return text
    return re.sub(_REFUSED, lambda match: f"{MARK}{ord(match[0]):04x}", text)


def original_text(text: str) -> str:
    """What `storable_text` was given."""
    return re.sub(_ESCAPED, lambda match: chr(int(match[1], 16)), text) if MARK in text else text
