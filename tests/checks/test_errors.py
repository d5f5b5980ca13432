"""The tree of errors that is drawn at the top of `provenance.errors` is the one that exists."""

from __future__ import annotations

import re

import provenance as p
from provenance import errors


def drawn():
    """Each error in the drawing with the one that it hangs on."""
    parents, above = {}, []
    for line in errors.__doc__.splitlines():
        found = re.match(r"    ([│├└─ ]*)(\w+)", line)
        if found and found[2] in vars(errors):
            depth = len(found[1]) // 4
            above[depth:] = [found[2]]
            parents[found[2]] = above[depth - 1] if depth else "Exception"
    return parents


def defined():
    return {
        name: cls.__bases__[0].__name__
        for name, cls in vars(errors).items()
        if isinstance(cls, type) and issubclass(cls, Exception) and not issubclass(cls, Warning)
    }


def test_the_drawing_shows_every_error_under_its_base():
    assert drawn() == defined()
    assert len(drawn()) > 20


def test_every_error_is_public():
    assert {*defined(), "IncompleteSetWarning", "RepoOutageWarning", "UnrecordedResultWarning"} == set(errors.__all__)
    assert set(errors.__all__) <= set(p.__all__)
