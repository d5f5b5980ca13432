"""Entries are found along the bases of a class; modules that add more are imported on first sight."""

import sys
import textwrap

import pytest

from provenance._util.lazy_registry import LazyRegistry, qualified_name


class Base: ...


class Derived(Base): ...


def test_the_nearest_base_wins():
    registry: LazyRegistry[str] = LazyRegistry()
    registry.register(object, "object")
    assert registry.find(Derived) == (object, "object")
    registry.register(Base, "base")
    assert registry.find(Derived) == (Base, "base")
    registry.register(qualified_name(Derived), "by name")
    assert registry.find(Derived) == (Derived, "by name")
    assert registry.find(Base) == (Base, "base")


def test_nothing_is_found_for_a_stranger():
    registry: LazyRegistry[str] = LazyRegistry()
    registry.register(Base, "base")
    assert registry.find(int) is None


def test_a_later_entry_replaces_an_earlier_one_and_moves_the_version():
    registry: LazyRegistry[int] = LazyRegistry()
    registry.register(Base, 1)
    version = registry.version
    registry.register(Base, 2)
    assert registry.find(Base) == (Base, 2)
    assert registry.version > version


def test_a_provider_is_imported_on_first_sight(tmp_path, monkeypatch):
    (tmp_path / "some_library.py").write_text("class Thing: ...\nclass Other: ...\n")
    (tmp_path / "its_provider.py").write_text(
        textwrap.dedent("""
        import some_library, test_target
        test_target.registry.register(some_library.Thing, "thing")
        """)
    )
    monkeypatch.syspath_prepend(tmp_path)
    registry: LazyRegistry[str] = LazyRegistry()
    monkeypatch.setitem(sys.modules, "test_target", type("module", (), {"registry": registry}))
    registry.provide("some_library", "its_provider")
    assert registry.find(Base) is None
    assert "its_provider" not in sys.modules

    import some_library  # type: ignore[import-not-found]

    subclass = type("Sub", (some_library.Thing,), {})
    assert registry.find(subclass) == (some_library.Thing, "thing")
    assert registry.find(some_library.Other) is None


def test_a_provider_that_cannot_be_imported_is_an_error():
    registry: LazyRegistry[str] = LazyRegistry()
    registry.provide("builtins", "no_such_module_anywhere")
    with pytest.raises(ModuleNotFoundError):
        registry.find(int)
