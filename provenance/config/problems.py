"""How errors of a configuration are worded: the key path, what was expected, the nearest valid name."""

from __future__ import annotations

from collections.abc import Iterable

from provenance.errors import ConfigError


class EnvironmentText(str):
    """A text that holds something from the environment; messages do not show it."""

    __slots__ = ()


def problem(path: str, text: str) -> ConfigError:
    """The error about the key at `path`, as in ``artifact_repos.main.store``."""
    return ConfigError(f"{path}: {text}" if path else f"configuration: {text}")


def unknown(path: str, what: str, name: object, valid: Iterable[str]) -> ConfigError:
    """The error about a name that is not `what` it should be, such as "a blobstore": none of the `valid` ones."""
    names = list(valid)
    return problem(path, f"{name!r} is not {what}{_hint(name, names)} (valid: {', '.join(names) or 'none'})")


def unexpected(
    path: str, expected: str, value: object, *, choices: Iterable[str] = (), secret: bool = False
) -> ConfigError:
    """The error about a value of the wrong kind; it shows neither secrets nor what came from the environment."""
    if isinstance(value, EnvironmentText) or (secret and isinstance(value, str)):
        got = "another text"
    elif value is None:
        got = "nothing"
    elif isinstance(value, str | bool | int | float):
        got = f"{value!r:.60}"
    else:
        got = f"a {type(value).__name__}"
    return problem(path, f"expected {expected}, got {got}{_hint(value, choices)}")


def _hint(name: object, names: Iterable[str]) -> str:
    from difflib import get_close_matches  # noqa: PLC0415  only needed for a message

    near = get_close_matches(name, names, n=1, cutoff=0.5) if isinstance(name, str) else []
    return f"; did you mean {near[0]!r}?" if near else ""
