"""From a plain configuration to what is to be built: checked, prototypes applied, references followed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from provenance.config.problems import problem, unexpected, unknown
from provenance.config.schema import (
    ARTIFACT_REPOS,
    BLOBSTORES,
    PROTOTYPE,
    SECTIONS,
    SETTINGS,
    EntryType,
    Option,
    Section,
    SectionName,
)


class Entry(NamedTuple):
    """A blobstore or repo that is to be built."""

    name: str
    path: str
    type: EntryType
    options: Mapping[str, object]


class Template(NamedTuple):
    """An entry that is too incomplete to be built, which is no error if it is the prototype of another one."""

    path: str
    lacks: str


class Blueprint(NamedTuple):
    """Everything a configuration says, checked."""

    blobstores: Mapping[str, Entry]
    artifact_repos: Mapping[str, Entry]
    settings: Mapping[str, object]


def draw(config: Mapping[str, object]) -> Blueprint:
    """Check a configuration whose environment variables are filled in.

    Raises
    ------
    ConfigError
        A key is unknown, missing, of the wrong type, or names something that is not there.
    """
    known = {option.name: option for option in SETTINGS}
    names = [*(section.name for section in SECTIONS), *known]
    for key in config:
        if key not in names:
            raise unknown("", "a key", key, names)
    sections: dict[str, dict[str, Entry | Template]] = {
        section.name: _read_section(section, config.get(section.name, {})) for section in SECTIONS
    }
    settings = {key: _read(key, known[key], value) for key, value in config.items() if key in known}
    blobstores = _complete(BLOBSTORES, sections)
    artifact_repos = _complete(ARTIFACT_REPOS, sections)
    settings["default_repo"] = _default_repo(settings.get("default_repo"), sections["artifact_repos"], artifact_repos)
    return Blueprint(blobstores, artifact_repos, settings)


def _read_section(section: Section, given: object) -> dict[str, Entry | Template]:
    if not isinstance(given, dict):
        raise unexpected(section.name, f"a mapping of names to {section.noun}s", given)
    for name, options in given.items():
        if not isinstance(name, str) or not name:
            raise unexpected(section.name, f"names of {section.noun}s as texts", name)
        if not isinstance(options, dict):
            raise unexpected(f"{section.name}.{name}", "a mapping of options", options)
    prototypes = {options["prototype"] for options in given.values() if isinstance(options.get("prototype"), str)}
    return {name: _read_entry(section, given, name, is_prototype=name in prototypes) for name in given}


def _read_entry(
    section: Section, given: Mapping[str, dict[str, object]], name: str, *, is_prototype: bool
) -> Entry | Template:
    path = f"{section.name}.{name}"
    options = _inherited(section, given, name, ())
    if "type" not in options:
        for key, value in options.items():
            _read(f"{path}.{key}", _known(f"{path}.{key}", section, key), value)
        if is_prototype:
            return Template(path, "type")
        types = ", ".join(kind.name for kind in section.types)
        raise problem(path, f"type is missing; expected one of {types}")
    kind = section.type(options["type"])
    if kind is None:
        raise unknown(
            f"{path}.type", f"a type of {section.noun}", options["type"], [kind.name for kind in section.types]
        )
    read = {}
    for key, value in options.items():
        if key != "type":
            option = kind.option(key)
            if option is None:
                valid = ["type", "prototype", *(option.name for option in kind.options)]
                place = f"{path}.{key}" if key in given[name] else f"{path}.{key} (from its prototype)"
                raise unknown(place, f"an option of a {section.noun} of type {kind.name}", key, valid)
            read[key] = _read(f"{path}.{key}", option, value)
    return _finished(section, Entry(name, path, kind, read), is_prototype=is_prototype)


def _finished(section: Section, entry: Entry, *, is_prototype: bool) -> Entry | Template:
    """The entry with the defaults of its type, if nothing that it needs is missing."""
    for option in entry.type.options:
        if option.required and option.name not in entry.options:
            if is_prototype:
                return Template(entry.path, option.name)
            raise problem(
                f"{entry.path}.{option.name}",
                f"a {section.noun} of type {entry.type.name} needs it; expected {option.kind.expected}",
            )
    defaults = {option.name: option.default for option in entry.type.options if option.default is not None}
    return Entry(entry.name, entry.path, entry.type, {**defaults, **entry.options})


def _inherited(
    section: Section, given: Mapping[str, dict[str, object]], name: str, heirs: tuple[str, ...]
) -> dict[str, object]:
    """The options of an entry over those of its prototype."""
    own = dict(given[name])
    if "prototype" not in own:
        return own
    path = f"{section.name}.{name}.prototype"
    prototype = _read(path, PROTOTYPE, own.pop("prototype"))
    if prototype not in given:
        raise unknown(path, f"a {section.noun}", prototype, given)
    if prototype in (*heirs, name):
        raise problem(path, "prototypes form a circle: " + " → ".join([*heirs, name, str(prototype)]))
    return {**_inherited(section, given, str(prototype), (*heirs, name)), **own}


def _known(path: str, section: Section, key: str) -> Option:
    option = section.option(key)
    if option is None:
        names = dict.fromkeys(option.name for kind in section.types for option in kind.options)
        raise unknown(path, f"an option of a {section.noun}", key, ["type", "prototype", *names])
    return option


def _read(path: str, option: Option, value: object) -> object:
    """The value of an option, or the error that says what was expected."""
    kind = option.kind
    if kind.accepts(value):
        return kind.read(value)
    raise unexpected(path, kind.expected, value, choices=kind.choices, secret=kind.secret)


def references(entry: Entry, section: SectionName) -> Iterator[tuple[str, str]]:
    """Where `entry` names entries of `section`: the key path and the name, one by one."""
    for option in entry.type.options:
        value: Any = entry.options.get(option.name)
        if option.kind.refers_to != section or value is None:
            continue
        if isinstance(value, str):
            yield f"{entry.path}.{option.name}", value
        else:
            for position, name in enumerate(value):
                yield f"{entry.path}.{option.name}[{position}]", name


def _complete(section: Section, sections: Mapping[str, Mapping[str, Entry | Template]]) -> dict[str, Entry]:
    """The entries that are to be built, members before the chains that hold them."""
    ordered: dict[str, Entry] = {}
    entries = sections[section.name]

    def visit(entry: Entry, holders: tuple[str, ...]) -> None:
        if entry.name in ordered:
            return
        for target in SECTIONS:
            for path, name in references(entry, target.name):
                member = _existing(path, target, sections[target.name], name)
                if target is section:
                    if name in (*holders, entry.name):
                        circle = " → ".join([*holders, entry.name, name])
                        raise problem(path, f"{section.noun}s hold each other in a circle: {circle}")
                    visit(member, (*holders, entry.name))
        ordered[entry.name] = entry

    for entry in entries.values():
        if isinstance(entry, Entry):
            visit(entry, ())
    return ordered


def _existing(path: str, section: Section, entries: Mapping[str, Entry | Template], name: str) -> Entry:
    entry = entries.get(name)
    if entry is None:
        raise unknown(
            path, f"a {section.noun}", name, [name for name, entry in entries.items() if isinstance(entry, Entry)]
        )
    if isinstance(entry, Template):
        raise problem(path, f"{entry.path} is only a prototype: it has no {entry.lacks}")
    return entry


def _default_repo(name: object, entries: Mapping[str, Entry | Template], repos: Mapping[str, Entry]) -> str | None:
    if name is not None:
        return _existing("default_repo", ARTIFACT_REPOS, entries, str(name)).name
    if len(repos) > 1:
        raise problem(
            "default_repo", f"expected the name of one of the repos, as there are several: {', '.join(repos)}"
        )
    return next(iter(repos), None)
