"""The pages say what the code says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import provenance
import provenance_dask
from docs import generated

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


@pytest.mark.parametrize("part", generated.PARTS)
def test_what_is_made_from_the_code_is_up_to_date(part):
    name, make = generated.PARTS[part]
    page = (DOCS / name).read_text("utf-8")
    assert page == generated.with_part(page, part, make()), f"{name} is out of date: run python -m docs.generated"


@pytest.mark.parametrize("module", [provenance, provenance_dask])
def test_every_public_name_is_in_the_reference(module):
    listed = re.findall(r"^::: (\S+)$", (DOCS / "api.md").read_text("utf-8"), re.MULTILINE)
    assert {f"{module.__name__}.{name}" for name in module.__all__} <= set(listed)


def test_a_name_is_listed_once():
    listed = re.findall(r"^::: (\S+)$", (DOCS / "api.md").read_text("utf-8"), re.MULTILINE)
    assert len(listed) == len(set(listed))


def test_every_design_note_is_in_the_index_and_says_why():
    notes = sorted((DOCS / "design").glob("[0-9]*.md"))
    index = (DOCS / "design" / "index.md").read_text("utf-8")
    assert [note.name for note in notes] == re.findall(r"\]\((\d{4}-[a-z0-9-]+\.md)\)", index)
    assert len({note.name[:4] for note in notes}) == len(notes)
    for note in notes:
        text = note.read_text("utf-8")
        assert text.startswith(f"# {note.name[:4]} ")
        assert re.findall(r"^## (.*)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"]


def test_a_place_that_a_page_lacks_is_reported():
    with pytest.raises(ValueError, match="begin: api"):
        generated.with_part("# no such place\n", "api", "text")
