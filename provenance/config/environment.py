"""``${NAME}`` in the texts of a configuration, replaced after the file was parsed: a value never becomes syntax."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from provenance._util.containers import map_leaves
from provenance.config.problems import EnvironmentText, problem

_REFERENCE: Final = re.compile(
    r"\$(?P<escaped>\$(?=\{))?\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)?(?P<default>:-[^{}]*)?(?P<end>\})?"
)


def expand(value: object, environment: Mapping[str, str], path: str = "") -> object:
    """Replace ``${NAME}`` and ``${NAME:-default}`` in every text of nested dicts and lists.

    As in a shell, the default holds when the variable is unset or empty. ``$${`` stands for a plain ``${``.

    Raises
    ------
    ConfigError
        A variable is unset and has no default, or ``${`` is not followed by a name and ``}``.
    """
    if isinstance(value, str):
        return _expand_text(value, environment, path)
    if isinstance(value, dict):
        return {key: expand(item, environment, f"{path}.{key}" if path else str(key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        items = [expand(item, environment, f"{path}[{i}]") for i, item in enumerate(value)]
        return items if isinstance(value, list) else tuple(items)
    return value


def _expand_text(text: str, environment: Mapping[str, str], path: str) -> str:
    if "${" not in text:
        return text

    def replacement(found: re.Match[str]) -> str:
        if found["escaped"]:
            return found[0].removeprefix("$")
        name, default = found["name"], found["default"]
        if not name or not found["end"]:
            raise problem(
                path,
                "'${' must be followed by the name of an environment variable and '}'; write '$${' for a plain '${'",
            )
        given = environment.get(name)
        if default is not None and not given:
            return default.removeprefix(":-")
        if given is None:
            raise problem(
                path, f"the environment variable {name} is not set; set it, or give a default as in ${{{name}:-value}}"
            )
        return given

    return EnvironmentText(_REFERENCE.sub(replacement, text))


def plain(value: object) -> object:
    """`value` with ordinary texts where `expand` left marked ones."""
    return map_leaves(value, lambda leaf: isinstance(leaf, EnvironmentText), str)
