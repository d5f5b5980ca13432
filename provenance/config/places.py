"""Relative paths of a configuration, made absolute once, so that they mean the same wherever it is used."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from provenance.config.problems import problem
from provenance.config.schema import SECTIONS, Place

_SQLITE = "sqlite:///"


def working_directory() -> Path:
    """The working directory, or the error that says that there is none."""
    try:
        return Path.cwd()
    except FileNotFoundError as exc:
        raise problem("", "the working directory is gone; change to another one") from exc


def anchor(given: dict[str, Any], expanded: dict[str, Any], base: Path) -> None:
    """Put relative paths below `base`, both in the configuration as given and in the one with the environment's texts.

    Whether a path is relative is told by the latter. What has the wrong shape is left alone: it is refused later.
    """
    for section, name, key in list(_relative_places(expanded)):
        for config in (given, expanded):
            options = config[section][name]
            options[key] = _below(base, options[key])


def _relative_places(config: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    for section in SECTIONS:
        for name, options in _items(config.get(section.name)):
            for key, value in _items(options):
                option = section.option(key)
                if option is not None and _is_relative(option.kind.place, value):
                    yield section.name, name, key


def _items(value: object) -> list[tuple[Any, Any]]:
    return list(value.items()) if isinstance(value, dict) else []


def _is_relative(place: Place, value: object) -> bool:
    if not place or not value or not isinstance(value, str | os.PathLike):
        return False
    text = os.fspath(value)
    if place == "database":
        text = text.removeprefix(_SQLITE)
    return (
        bool(text) and "://" not in text and not text.startswith(("~", ":memory:", "file:")) and not os.path.isabs(text)
    )


def _below(base: Path, path: Any) -> Any:
    """`path`, or the path in an SQLite URL, below `base`; a text stays one of its kind."""
    text = os.fspath(path)
    if text.startswith(_SQLITE):
        return type(path)(f"{_SQLITE}{base / text.removeprefix(_SQLITE)}")
    return type(path)(base / path)
