"""The public names of the library, and what importing it costs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import provenance as p

ROOT = Path(__file__).resolve().parents[2]
SEED = (
    "provenance load_artifact load_proxy ensure_proxies promote provenance_set capture_set create_set load_set_by_id "
    "load_set_by_name archive_file from_config load_config load_yaml_config current_config get_repo_by_name "
    "set_default_repo get_default_repo set_check_mutations get_check_mutations set_run_info_fn get_use_cache "
    "set_use_cache using_repo is_proxy lazy_dict lazy_proxy_dict visualize_lineage"
)
ADDED = (
    "Artifact ArtifactProxy ArtifactSet dependencies label_set load_set_by_labels set_read_only get_read_only "
    "register_serializer hash value_repr unwrap run_info ProvenanceError HashingError"
)


@pytest.mark.parametrize("name", [*SEED.split(), *ADDED.split()])
def test_the_published_names_exist(name):
    assert getattr(p, name) is not None
    assert name in p.__all__
    assert name in dir(p)


def test_every_exported_name_can_be_imported():
    assert sorted(p.__all__) == sorted(p._ORIGINS)
    for name in p.__all__:
        assert getattr(p, name).__doc__, name


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nonsense"):
        p.nonsense  # noqa: B018


def test_every_error_is_exported():
    from provenance import errors

    assert set(errors.__all__) <= set(p.__all__)


def test_no_submodule_has_the_name_of_a_public_function():
    modules = {path.stem for path in (ROOT / "provenance").iterdir()}
    assert not modules & set(p.__all__)


def test_public_functions_say_what_they_raise_where_they_check_ids():
    assert re.search(r"Raises\n\s+-+\n\s+InvalidIdError", p.load_artifact.__doc__)
