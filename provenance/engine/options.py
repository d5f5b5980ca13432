"""The options of the decorator, checked once when a function is decorated."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple, NoReturn, TypeAlias

from provenance.errors import UsageError
from provenance.types import JSON, Repo, Version

InputsDict: TypeAlias = dict[str, Any]
"""``{'kargs': {...}, 'varargs': (...)}``."""
InputsFn: TypeAlias = Callable[[InputsDict], InputsDict]
PerKey: TypeAlias = Mapping[str, Any]
_NOTHING: Mapping[str, Any] = {}


class Options(NamedTuple):
    """What the decorator was told; the fields are its parameters, checked and normalised."""

    version: Version = 0
    repo: Repo | str | None = None
    name: str | None = None
    merge_defaults: bool | tuple[str, ...] = False
    ignore: frozenset[str] = frozenset()
    remove: frozenset[str] = frozenset()
    input_hash_fn: InputsFn | None = None
    input_process_fn: InputsFn | None = None
    archive_file: bool = False
    delete_original_file: bool = False
    preserve_file_ext: bool = False
    returns_composite: bool = False
    custom_fields: Mapping[str, JSON] = _NOTHING
    serializer: str | PerKey | None = None
    load_kwargs: Mapping[str, Any] = _NOTHING
    dump_kwargs: Mapping[str, Any] = _NOTHING
    use_cache: bool | None = None
    read_only: bool | None = None
    pass_proxies: bool = False


def normalize_options(  # noqa: PLR0913  the decorator's parameters
    *,
    ignore: Collection[str] | None,
    remove: Collection[str] | None,
    merge_defaults: bool | Collection[str] | None,
    custom_fields: Mapping[str, JSON] | None,
    tags: Collection[str] | None,
    load_kwargs: Mapping[str, Any] | None,
    dump_kwargs: Mapping[str, Any] | None,
    **others: Any,
) -> Options:
    """Build `Options` from the decorator's parameters as a caller writes them.

    Raises
    ------
    UsageError
        An option has a value it cannot have.
    """
    version = others.pop("version")
    options = Options(
        version=_plain_version(version),
        ignore=_names("ignore", ignore),
        remove=_names("remove", remove),
        merge_defaults=_merge_names(merge_defaults),
        custom_fields=_custom_fields(custom_fields, tags),
        load_kwargs=dict(load_kwargs or {}),
        dump_kwargs=dict(dump_kwargs or {}),
        **others,
    )
    _check(options)
    return options


def _check(options: Options) -> None:
    name: object = options.name
    if name is not None and not (isinstance(name, str) and name):
        _refuse("name", name, "a non-empty str")
    for option in ("input_hash_fn", "input_process_fn"):
        value = getattr(options, option)
        if value is not None and not callable(value):
            _refuse(option, value, "a function")
    if options.serializer is not None and not isinstance(options.serializer, str) and not options.returns_composite:
        _refuse("serializer", options.serializer, "a name; a dict by key needs returns_composite=True")
    if options.archive_file and options.returns_composite:
        _refuse("archive_file", value=True, expected="False together with returns_composite=True")
    if (options.delete_original_file or options.preserve_file_ext) and not options.archive_file:
        msg = "delete_original_file and preserve_file_ext go with archive_file=True"
        raise UsageError(msg)


def _plain_version(version: object) -> Version:
    """The version as an exact int or str: keys are made of it."""
    if isinstance(version, int) and not isinstance(version, bool):
        return int(version)
    if not isinstance(version, str):
        _refuse("version", version, "an int or a str")
    return str(version)


def _names(option: str, names: Collection[str] | None) -> frozenset[str]:
    if isinstance(names, str) or not all(isinstance(name, str) for name in names or ()):
        _refuse(option, names, "a list, tuple or set of parameter names")
    return frozenset(names or ())


def _merge_names(merge_defaults: Any) -> bool | tuple[str, ...]:
    if merge_defaults is None or isinstance(merge_defaults, bool):
        return bool(merge_defaults)
    return tuple(sorted(_names("merge_defaults", merge_defaults)))


def _custom_fields(custom_fields: Mapping[str, JSON] | None, tags: Collection[str] | None) -> dict[str, JSON]:
    fields = dict(custom_fields or {})
    if tags is not None:
        names: list[JSON] = [*sorted(_names("tags", tags))]
        fields["tags"] = names
    return normalize_custom_fields(fields)


def normalize_custom_fields(fields: Mapping[str, JSON] | None) -> dict[str, JSON]:
    """Custom fields as a JSON object of their own.

    Raises
    ------
    UsageError
        They are none; NaN and infinities are not JSON.
    """
    fields = dict(fields or {})
    try:
        normalized: dict[str, JSON] = json.loads(json.dumps(fields, allow_nan=False, sort_keys=True))
    except (TypeError, ValueError) as error:
        msg = f"custom_fields must be a JSON object: {error}"
        raise UsageError(msg) from error
    return normalized


def _refuse(option: str, value: object, expected: str) -> NoReturn:
    msg = f"{option}={value!r:.80} does not fit; expected {expected}"
    raise UsageError(msg)
