"""Read the file of a configuration: YAML, or a table of a TOML file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from provenance.errors import ConfigError


def read_file(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file, or in the table ``[tool.provenance]`` of a TOML file.

    Raises
    ------
    ConfigError
        The file cannot be read or parsed (the message says where it breaks), or holds something else.
    """
    text = _read_text(path)
    content = _toml_table(path, text) if path.suffix == ".toml" else _parse_yaml(path, text)
    if isinstance(content, dict):
        return content
    got = "nothing" if content is None else f"a {type(content).__name__}"
    msg = f"{path}: expected a mapping with keys such as blobstores and artifact_repos, got {got}"
    raise ConfigError(msg)


def has_table(path: Path) -> bool:
    """Whether a TOML file has a table ``[tool.provenance]``; a file that has not even the words need not be sound."""
    text = path.read_bytes()
    return b"provenance" in text and _toml_table(path, _read_text(path)) is not None


def _read_text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8"
        msg = f"cannot read the configuration file {path}: {reason}"
        raise ConfigError(msg) from exc


def _toml_table(path: Path, text: str) -> object:
    import tomllib  # noqa: PLC0415  only needed for such a file

    try:
        tool = tomllib.loads(text).get("tool", {})
    except tomllib.TOMLDecodeError as exc:
        msg = f"{path} is not valid TOML: {exc}"
        raise ConfigError(msg) from exc
    return tool.get("provenance") if isinstance(tool, dict) else None


def _parse_yaml(path: Path, text: str) -> object:
    import yaml  # noqa: PLC0415  only needed for such a file

    from provenance.config.strict_yaml import parse  # noqa: PLC0415  same

    try:
        return parse(text)
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        line, column = (mark.line, mark.column) if mark else (0, 0)
        raise _not_yaml(path, line, column, exc.problem or exc.context) from exc
    except yaml.reader.ReaderError as exc:
        before = text[: exc.position].split("\n")
        raise _not_yaml(path, len(before) - 1, len(before[-1]), exc.reason) from exc


def _not_yaml(path: Path, line: int, column: int, reason: str | None) -> ConfigError:
    return ConfigError(f"{path}, line {line + 1}, column {column + 1}: not valid YAML: {reason}")
