"""The table of keys is what is documented, and what is built."""

from __future__ import annotations

import importlib
import inspect

import pytest

from provenance.blobstores import StoreBase
from provenance.config.build import _CLASSES
from provenance.config.reference import markdown
from provenance.config.schema import SECTIONS, SETTINGS
from provenance.repos.base import BaseRepo

TYPES = [(section, kind) for section in SECTIONS for kind in section.types]


def test_every_key_is_documented():
    text = markdown()
    for section, kind in TYPES:
        assert f"## `{section.name}`" in text
        part = text.partition(f"## `{section.name}`")[2].partition(f"### `type: {kind.name}`")[2].partition("###")[0]
        assert kind.doc in part
        for option in kind.options:
            assert f"| `{option.name}` | {option.kind.expected} |" in part
    for option in SETTINGS:
        assert f"| `{option.name}` |" in text
    assert "| `cachedir` | a path | required |" in text
    assert "| `use_cache` | true or false | `true` |" in text


@pytest.mark.parametrize(("section", "kind"), TYPES, ids=lambda x: x.name)
def test_every_option_is_one_of_the_class_and_has_its_default(section, kind):
    module, _, name = _CLASSES[section.name][kind.name].partition(":")
    cls = getattr(importlib.import_module(f"provenance.{module}"), name)
    base = StoreBase if section.name == "blobstores" else BaseRepo
    parameters = {**inspect.signature(base).parameters, **inspect.signature(cls).parameters}
    for option in kind.options:
        if option.name in {"basepath", "s3_config"}:  # part of the URL, and of the storage options
            continue
        default = parameters[option.name].default
        assert option.required == (default is inspect.Parameter.empty) or option.name == "url"
        if not option.required and option.name != "url":
            assert option.default == default
