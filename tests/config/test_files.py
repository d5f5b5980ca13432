"""Configurations in files."""

from __future__ import annotations

import pytest

import provenance as p

YAML = """
blobstores:
  base: &base
    type: memory
  other:
    <<: *base
    delete: false
artifact_repos:
  main: {type: memory, store: other}
default_repo: main
check_mutations: true
"""


def test_yaml(tmp_path):
    file = tmp_path / "c.yaml"
    file.write_text(YAML)
    returned = p.load_yaml_config(file)
    assert returned == p.current_config()
    assert returned["blobstores"]["other"] == {"type": "memory", "delete": False}
    assert p.get_default_repo().store.name == "other"
    assert p.get_check_mutations() is True
    assert p.load_yaml_config(str(file)) == returned


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"blobstores: {a: [}", ", line 1, column 18: not valid YAML: "),
        (b"blobstores:\n  a: 1\n b: 2\n", ", line 3, column 2: not valid YAML: "),
        (
            b"blobstores:\n  a: {type: memory}\n  a: {type: disk}\n",
            ", line 3, column 3: not valid YAML: the key 'a' is given twice",
        ),
        (b"x: !!python/object/apply:os.getcwd []\n", ", line 1, column 4: not valid YAML: "),
        (b"? [a]\n: b\n", ", line 1, column 3: not valid YAML: "),
        (b"a: 1\nb: \x01", ", line 2, column 4: not valid YAML: special characters are not allowed"),
        (b"", ": expected a mapping with keys such as blobstores and artifact_repos, got nothing"),
        (b"- a\n", ": expected a mapping with keys such as blobstores and artifact_repos, got a list"),
    ],
)
def test_corrupt_yaml_is_an_error_that_says_where(tmp_path, content, message):
    file = tmp_path / "c.yaml"
    file.write_bytes(content)
    with pytest.raises(p.ConfigError) as raised:
        p.load_yaml_config(file)
    assert str(raised.value).startswith(f"{file}{message}")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda file: None, "No such file or directory"),
        (lambda file: file.mkdir(), "Is a directory"),
        (lambda file: file.write_bytes(b"\xff\xfe\xff"), "it is not UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read(tmp_path, make, reason):
    file = tmp_path / "c.yaml"
    make(file)
    with pytest.raises(p.ConfigError) as raised:
        p.load_yaml_config(file)
    assert str(raised.value) == f"cannot read the configuration file {file}: {reason}"


def test_a_mistake_in_a_file_keeps_the_old_configuration(tmp_path):
    p.load_config({"artifact_repos": {"old": {"type": "memory"}}})
    (tmp_path / "c.yaml").write_text("artifact_repos: {new: {type: memory, store: gone}}")
    with pytest.raises(p.ConfigError, match=r"artifact_repos\.new\.store"):
        p.load_yaml_config("c.yaml")
    assert p.get_default_repo().name == "old"
