"""The documentation of the configuration, made from its schema."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from provenance.config.schema import PROTOTYPE, SECTIONS, SETTINGS, Option


def markdown() -> str:
    """Every key with its values, default and meaning, as Markdown."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield from _table("## Settings", "", SETTINGS)
    for section in SECTIONS:
        yield from ("", f"## `{section.name}`", "", f"A mapping of names to {section.noun}s, each with a `type`.")
        yield f"`{PROTOTYPE.name}` names {PROTOTYPE.doc[0].lower()}{PROTOTYPE.doc[1:]}"
        for kind in section.types:
            yield ""
            yield from _table(f"### `type: {kind.name}`", kind.doc, kind.options)


def _table(title: str, doc: str, options: Iterable[Option]) -> Iterator[str]:
    yield title
    yield ""
    if doc:
        yield from (doc, "")
    yield from ("| key | values | default | meaning |", "|---|---|---|---|")
    for option in options:
        yield f"| `{option.name}` | {option.kind.expected} | {_default(option)} | {option.doc} |"


def _default(option: Option) -> str:
    if option.required:
        return "required"
    if option.default is None:
        return ""
    is_flag = isinstance(option.default, bool)
    return f"`{str(option.default).lower() if is_flag else option.default}`"
