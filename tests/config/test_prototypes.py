"""An entry takes over the options of its prototype unless it sets them."""

from __future__ import annotations

import provenance as p
from provenance.types import Permissions


def test_options_are_inherited_and_overridden_through_several_steps(tmp_path):
    stores = p.from_config(
        {
            "blobstores": {
                "a": {"prototype": "b", "delete": True, "cachedir": tmp_path / "a"},
                "b": {"prototype": "c", "write": False},
                "c": {"type": "disk", "cachedir": tmp_path / "c", "delete": False, "write": True},
            }
        }
    )["blobstores"]
    assert stores["a"].permissions == Permissions(write=False, delete=True)
    assert stores["b"].permissions == Permissions(write=False, delete=False)
    assert stores["c"].permissions == Permissions(write=True, delete=False)
    assert [stores[name].cachedir.name for name in "abc"] == ["a", "c", "c"]


def test_repos_have_prototypes_too():
    repos = p.from_config(
        {
            "artifact_repos": {
                "base": {"type": "memory", "delete": False},
                "main": {"prototype": "base"},
            },
            "default_repo": "main",
        }
    )["repos"]
    assert repos["main"].permissions == repos["base"].permissions == Permissions(delete=False)
    assert repos["main"] is not repos["base"]


def test_what_is_too_incomplete_to_be_built_serves_as_a_prototype(tmp_path):
    stores = p.from_config(
        {
            "blobstores": {
                "careful": {"delete": False, "on_duplicate_key": "check_collision"},
                "files": {"type": "disk", "durable": True},
                "a": {"prototype": "careful", "type": "memory"},
                "b": {"prototype": "files", "cachedir": tmp_path / "b"},
            }
        }
    )["blobstores"]
    assert list(stores) == ["a", "b"]
    assert stores["a"].permissions == Permissions(delete=False)
