"""What a process uses that loaded no configuration."""

from __future__ import annotations

import logging

import pytest

import provenance as p

MAIN = "artifact_repos: {%s: {type: memory}}"


def test_an_embedded_repo_in_the_working_directory_and_one_line_in_the_log(tmp_path, caplog):
    caplog.set_level(logging.INFO, "provenance")

    @p.provenance()
    def f(n):
        return "x" * n

    f(100_000)
    f(2)
    [record] = [record for record in caplog.records if record.name == "provenance"]
    assert record.getMessage() == f"no repo is configured: results are kept in {tmp_path / '.provenance'}"
    assert (tmp_path / ".provenance/provenance.db").is_file()
    assert any((tmp_path / ".provenance/blobs").rglob("*"))
    assert p.current_config()["artifact_repos"]["embedded"]["db"] == str(tmp_path / ".provenance/provenance.db")


def test_importing_and_asking_create_nothing(tmp_path):
    assert p.current_config() == {}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("home", ["home", "/abs"])
def test_the_embedded_repo_may_lie_elsewhere(tmp_path, monkeypatch, home):
    place = tmp_path / home if home == "home" else tmp_path / "elsewhere"
    monkeypatch.setenv("PROVENANCE_HOME", home if home == "home" else str(place))
    p.provenance()(lambda: 1)()
    assert (place / "provenance.db").is_file()
    assert not (tmp_path / ".provenance").exists()


def test_a_file_named_by_the_environment(tmp_path, monkeypatch, caplog):
    caplog.set_level(logging.INFO, "provenance")
    (tmp_path / "provenance.yaml").write_text(MAIN % "found")
    (tmp_path / "named.yaml").write_text(MAIN % "named")
    monkeypatch.setenv("PROVENANCE_CONFIG", "named.yaml")
    assert p.get_default_repo().name == "named"
    assert "using the configuration in named.yaml" in caplog.text


def test_a_named_file_must_be_there(monkeypatch):
    monkeypatch.setenv("PROVENANCE_CONFIG", "gone.yaml")
    with pytest.raises(p.ConfigError, match=r"cannot read the configuration file gone\.yaml"):
        p.get_default_repo()


def test_the_nearest_file_upwards(tmp_path, monkeypatch):
    inner = tmp_path / "a/b"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    (tmp_path / "provenance.yaml").write_text(MAIN % "outer")
    (tmp_path / "a/pyproject.toml").write_text("[tool.provenance.artifact_repos.inner]\ntype = 'memory'\n")
    (inner / "pyproject.toml").write_text("[tool.other]\nabout = 'provenance'\n")
    assert p.get_default_repo().name == "inner"


def test_yaml_goes_before_toml_in_one_folder(tmp_path):
    (tmp_path / "provenance.yaml").write_text(MAIN % "yaml")
    (tmp_path / "pyproject.toml").write_text("[tool.provenance.artifact_repos.toml]\ntype = 'memory'\n")
    assert p.get_default_repo().name == "yaml"


def test_a_broken_toml_file_matters_only_if_it_is_about_the_library(tmp_path):
    (tmp_path / "provenance.yaml").write_text(MAIN % "outer")
    file = tmp_path / "pyproject.toml"
    (tmp_path / "provenance.yaml").unlink()
    file.write_text("[broken")
    p.set_use_cache(True)
    assert p.get_default_repo().name == "embedded"
    p.set_default_repo(None)
    file.write_text("[tool.provenance")
    with pytest.raises(p.ConfigError, match="is not valid TOML: "):
        p.get_default_repo()


@pytest.mark.parametrize("content", ["tool = 3\nabout = 'provenance'\n", "[tool.provenance]\n"])
def test_a_toml_file_that_says_nothing_about_repos(tmp_path, content):
    (tmp_path / "pyproject.toml").write_text(content)
    assert p.get_default_repo().name == "embedded"


def test_a_toml_file_named_by_the_environment_needs_the_table(tmp_path, monkeypatch):
    monkeypatch.setenv("PROVENANCE_CONFIG", "c.toml")
    (tmp_path / "c.toml").write_text("[tool]\n")
    with pytest.raises(p.ConfigError, match=r"c\.toml: expected a mapping .* got nothing"):
        p.get_default_repo()


def test_paths_of_a_found_file_are_below_its_folder(tmp_path, monkeypatch):
    (tmp_path / "provenance.yaml").write_text(
        "blobstores: {v: {type: disk, cachedir: blobs}}\nartifact_repos: {m: {type: memory, store: v}}"
    )
    (tmp_path / "inner").mkdir()
    monkeypatch.chdir(tmp_path / "inner")
    p.get_default_repo()
    assert (tmp_path / "blobs").is_dir()


def test_a_found_file_of_settings_only_configures_the_embedded_repo(tmp_path):
    (tmp_path / "provenance.yaml").write_text("check_mutations: true\nblobstores: {mine: {type: memory}}")
    assert p.get_default_repo().name == "embedded"
    assert p.get_check_mutations() is True
    assert set(p.current_config()["blobstores"]) == {"mine", "embedded"}


def test_a_found_file_must_not_take_the_name_of_the_embedded_store(tmp_path):
    (tmp_path / "provenance.yaml").write_text("blobstores: {embedded: {type: memory}}")
    with pytest.raises(p.ConfigError, match=r"blobstores\.embedded: the name is taken"):
        p.get_default_repo()


@pytest.mark.parametrize("content", ["blobstores: [a]", "blobstores: 3"])
def test_a_found_file_with_a_mistake_is_an_error(tmp_path, content):
    (tmp_path / "provenance.yaml").write_text(content)
    with pytest.raises(p.ConfigError, match="blobstores: expected a mapping of names"):
        p.get_default_repo()


def test_a_loaded_configuration_goes_before_what_is_found(tmp_path):
    (tmp_path / "provenance.yaml").write_text(MAIN % "found")
    p.load_config({"artifact_repos": {"loaded": {"type": "memory"}}})
    assert p.get_default_repo().name == "loaded"
