"""The namespace ``provenance`` of Dask's configuration: what it may hold, and its defaults."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dask.config
import yaml
from dask.utils import parse_bytes

from provenance.errors import ConfigError

NAMESPACE = "provenance"

_DEFAULTS: Mapping[str, Any] = yaml.safe_load(Path(__file__).with_name("provenance.yaml").read_text("utf-8"))
dask.config.update_defaults(_DEFAULTS)


@dataclass(frozen=True, slots=True)
class DaskOptions:
    """What ``dask.config`` says about `provenance_dask`.

    Attributes
    ----------
    config : str, mapping or None
        What the preload configures a scheduler or worker with: a file, or what `provenance.load_config` takes.
    connect : bool
        Whether workers take over the client's configuration.
    literal_limit : int or None
        Bytes above which an argument is stored and sent as an id; None sends all as they are.
    """

    config: str | Mapping[str, Any] | None
    connect: bool
    literal_limit: int | None


def options() -> DaskOptions:
    """Read what is in force here.

    Raises
    ------
    ConfigError
        A key is unknown, or has a value that it cannot have.
    """
    given = dask.config.get(NAMESPACE)
    if not isinstance(given, Mapping):
        msg = f"{NAMESPACE} in Dask's configuration must be a mapping, got {given!r:.80}"
        raise ConfigError(msg)
    values = {**_DEFAULTS[NAMESPACE], **{_known(str(key)): value for key, value in given.items()}}
    return DaskOptions(_config(values["config"]), _connect(values["connect"]), _limit(values["literal-limit"]))


def _known(key: str) -> str:
    # Environment variables write "_" for "-".
    name = key.replace("_", "-")
    known = list(_DEFAULTS[NAMESPACE])
    if name in known:
        return name
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {NAMESPACE}.{near[0]}?" if near else f"there are {', '.join(known)}"
    msg = f"unknown key {NAMESPACE}.{key} in Dask's configuration: {hint}"
    raise ConfigError(msg)


def _config(value: object) -> str | Mapping[str, Any] | None:
    if value is None or isinstance(value, str | Mapping):
        return value
    raise _wrong("config", value, "the path of a file, a mapping or null")


def _connect(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise _wrong("connect", value, "true or false")


def _limit(value: object) -> int | None:
    if value is None:
        return None
    try:
        if isinstance(value, int | str) and not isinstance(value, bool):
            return int(parse_bytes(value))
    except ValueError:
        pass
    raise _wrong("literal-limit", value, "a size such as 1 MiB, or null")


def _wrong(key: str, value: object, expected: str) -> ConfigError:
    return ConfigError(f"{NAMESPACE}.{key} in Dask's configuration must be {expected}, got {value!r:.80}")
