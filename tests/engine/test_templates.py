"""Keys that are filled into templates are the keys that the whole call would get."""

from __future__ import annotations

import pytest

import provenance as p
from provenance import engine


def plain(b, a, *, c=3):
    return a, b, c


def strange(size, quoted=1):
    return size, quoted


def nothing():
    return None


@pytest.mark.parametrize("version", [0, 7, "100 %b %s"])
@pytest.mark.parametrize("name", [None, "given", "50%"])
@pytest.mark.parametrize(
    ("fn", "args"), [(plain, ("x", 2.5)), (plain, (None, b"%b")), (strange, (1, -0.0)), (nothing, ())]
)
def test_both_keys_are_those_of_the_whole_call(fn, args, name, version):
    spec = engine.spec_of(p.provenance(name=name, version=version)(fn))
    digests = engine.resolve_inputs(spec, *spec.bind(args, {}), None).digests
    assert spec.keys.names == tuple(name for name, _ in digests.named)
    filled = tuple(digest.encode() for _, digest in digests.named)
    assert spec.keys.artifact_id(filled) == engine.artifact_id(spec, digests)
    assert spec.keys.recipe(filled) == engine.recipe_from_digests(spec, digests)


@pytest.mark.parametrize(
    ("fn", "options"),
    [
        (lambda *args: args, {}),
        (lambda **kwargs: kwargs, {}),
        (plain, {"ignore": ["c"]}),
        (plain, {"remove": ["c"]}),
        (plain, {"input_hash_fn": lambda inputs: inputs}),
        (plain, {"input_process_fn": lambda inputs: inputs}),
    ],
)
def test_calls_that_are_keyed_by_other_than_their_named_arguments_have_no_template(fn, options):
    assert engine.spec_of(p.provenance(name="other", **options)(fn)).keys is None
