"""Progress as a line on the terminal."""

from __future__ import annotations

import io
import sys

import pytest

import provenance as p
from provenance.lineage import progress
from provenance.testing.drafts import a_draft, an_id

BEGUN = p.Progress(0, 4, 0, 2, 0, 3_000_000)
HALF = p.Progress(2, 4, 1, 2, 1_500_000, 3_000_000)
DONE = p.Progress(4, 4, 2, 2, 3_000_000, 3_000_000)
LAST = "promote [########################] 4/4 artifacts, 3.0/3.0 MB"


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_shows_how_far_it_is(monkeypatch):
    clock = iter([0.0, 0.05, 0.2])
    monkeypatch.setattr(progress, "monotonic", lambda: next(clock))
    bar = progress.Bar("promote", terminal := Terminal())
    for one in (BEGUN, HALF, DONE):
        bar(one)
    bar.close()
    shown = terminal.getvalue().split("\r")[1:]
    assert shown == [
        "promote [........................] 0/4 artifacts, 0.0/3.0 MB\x1b[K",
        f"{LAST}\x1b[K",
        f"{LAST}\x1b[K\n",
    ]


def test_a_log_gets_one_line():
    bar = progress.Bar("promote", log := io.StringIO())
    for one in (BEGUN, HALF, DONE):
        bar(one)
    assert log.getvalue() == ""
    bar.close()
    assert log.getvalue() == f"{LAST}\n"


def test_nothing_to_do_is_all_done():
    bar = progress.Bar("promote", log := io.StringIO())
    bar.close()
    assert log.getvalue() == ""
    bar(p.Progress(0, 0, 0, 0, 0, 0))
    bar.close()
    assert log.getvalue() == "promote [########################] 0/0 artifacts, 0.0/0.0 MB\n"


@pytest.mark.parametrize(("option", "shown"), [(True, "promote to team [###"), (False, ""), (None, "")])
def test_a_line_is_shown_where_it_is_asked_for(here, team, monkeypatch, option, shown):
    monkeypatch.setattr(sys, "stderr", log := io.StringIO())
    here.save(a_draft(1))
    p.promote(an_id(1), team, progress=option)
    assert log.getvalue().startswith(shown)
    assert bool(log.getvalue()) == bool(shown)


def test_the_line_is_ended_when_it_fails(here, team, monkeypatch):
    monkeypatch.setattr(sys, "stderr", log := io.StringIO())
    monkeypatch.setattr(team, "put_each", None)
    here.save(a_draft(1))
    with pytest.raises(TypeError):
        p.promote(an_id(1), team, progress=True)
    assert log.getvalue().endswith("0/1 artifacts, 0.0/0.0 MB\n")
