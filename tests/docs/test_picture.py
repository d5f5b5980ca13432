"""The picture of the README is what the library draws."""

from __future__ import annotations

import re
from pathlib import Path

from docs.pictures import lineage

PICTURE = Path(__file__).parents[2] / "docs" / "pictures" / "lineage.svg"


def test_the_picture_shows_what_its_script_draws(tmp_path):
    drawn = lineage.draw(tmp_path / "lineage.svg")
    assert _texts(PICTURE) == _texts(drawn)
    assert "fit  v3" in _texts(PICTURE)


def _texts(picture: Path) -> list[str]:
    """What stands in the boxes, without ids and seconds, which differ between runs."""
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", picture.read_text("utf-8"))
    return sorted(text.replace("\xa0", " ").replace("&#160;", " ") for text in texts if "·" not in text)
