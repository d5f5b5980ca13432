"""Tables as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from examples.flights.job import Run


def runs_table(runs: Sequence[tuple[str, Run]]) -> str:
    """What each run took; each with the words for it."""
    rows = [
        [
            words,
            str(run.nodes),
            str(run.hits),
            str(run.tasks),
            f"{run.seconds:.2f}",
            f"{run.seconds_saved:.2f}",
        ]
        for words, run in runs
    ]
    return aligned(["run", "nodes", "hits", "tasks", "seconds", "seconds saved"], rows)


def report_table(report: pd.DataFrame) -> str:
    """The report, a row for each setting."""
    rows = [
        [
            row["setting"],
            f"{row['roc_auc']:.4f}",
            f"{row['average_precision']:.4f}",
            f"{row['brier']:.4f}",
            str(row["worst_month"]),
            row["options"],
        ]
        for row in report.to_dict("records")
    ]
    return aligned(["setting", "ROC AUC", "average precision", "Brier", "worst month", "options"], rows)


def aligned(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns of text two spaces apart; numbers to the right, and so are their heads."""
    columns = list(zip(head, *rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    to_right = [all(map(_is_number, column[1:])) for column in columns]
    lines = [
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, to_right, strict=True)
        ).rstrip()
        for line in [head, ["-" * width for width in widths], *rows]
    ]
    return "\n".join(lines)


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdigit()
