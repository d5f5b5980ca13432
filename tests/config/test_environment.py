"""``${NAME}`` in the texts of a configuration."""

from __future__ import annotations

import pytest

import provenance as p
from provenance.config.environment import expand, plain


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("plain $HOME $ {x}", "plain $HOME $ {x}"),
        ("${A}", "1"),
        ("<${A}|${B}>", "<1|two words>"),
        ("${GONE:-default}", "default"),
        ("${EMPTY:-default}", "default"),
        ("${A:-default}", "1"),
        ("${GONE:-}", ""),
        ("${EMPTY}", ""),
        ("$${A}", "${A}"),
        ("$$${A}", "$${A}"),
        ("${SYNTAX}", "${A}: [1, {x: y}]"),
    ],
)
def test_texts(text, result):
    environment = {"A": "1", "B": "two words", "EMPTY": "", "SYNTAX": "${A}: [1, {x: y}]"}
    assert expand(text, environment) == result


def test_every_nested_text_but_no_key():
    given = {"${A}": ["${A}", ("${A}", 3)], "b": {"c": None}}
    expanded = plain(expand(given, {"A": "x"}))
    assert expanded == {"${A}": ["x", ("x", 3)], "b": {"c": None}}
    assert type(expanded["${A}"][0]) is str


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "${NO_SUCH_VARIABLE}",
            "the environment variable NO_SUCH_VARIABLE is not set; set it, or give a default as in",
        ),
        ("${", "'${' must be followed by the name of an environment variable and '}'"),
        ("${}", "'${' must be followed by"),
        ("${1A}", "'${' must be followed by"),
        ("${A", "'${' must be followed by"),
        ("${A-b}", "'${' must be followed by"),
    ],
)
def test_what_cannot_be_filled_in_is_an_error_that_names_the_key(text, message):
    config = {"blobstores": {"x": {"type": "fsspec", "url": "memory://a", "storage_options": {"keys": ["ok", text]}}}}
    with pytest.raises(p.ConfigError) as raised:
        p.load_config(config)
    assert str(raised.value).startswith(f"blobstores.x.storage_options.keys[1]: {message}")


def test_a_value_never_becomes_yaml(tmp_path, monkeypatch):
    monkeypatch.setenv("WHERE", "x: {type: memory}")
    (tmp_path / "c.yaml").write_text("blobstores: {a: {type: disk, cachedir: '${WHERE}'}}")
    p.load_yaml_config("c.yaml")
    assert (tmp_path / "x: {type: memory}").is_dir()


@pytest.mark.parametrize(("text", "flag"), [("true", True), ("False", False)])
def test_flags_may_come_from_the_environment(monkeypatch, text, flag):
    monkeypatch.setenv("CACHE", text)
    p.load_config({"use_cache": "${CACHE}", "artifact_repos": {"main": {"type": "memory"}}})
    assert p.get_use_cache() is flag


def test_names_and_types_may_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("KIND", "memory")
    monkeypatch.setenv("POLICY", "raise")
    built = p.from_config(
        {
            "blobstores": {"x": {"type": "${KIND}", "on_duplicate_key": "${POLICY}"}},
            "artifact_repos": {"memory": {"type": "memory", "store": "${STORE:-x}"}},
            "default_repo": "${KIND}",
        }
    )
    assert built["default_repo"].store is built["blobstores"]["x"]
    assert built["default_repo"].name == "memory"
