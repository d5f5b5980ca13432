"""From the scores of single months to the one table at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from examples.flights.models import Setting
from provenance_dask import provenance


@provenance(version=1, tags=["report"])
def summarise(setting: Setting, scores: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """One row of the report: the means over the months, each month weighted by its flights."""
    months = pd.DataFrame(list(scores))
    weights = months["flights"] / months["flights"].sum()
    worst = months.sort_values("roc_auc").iloc[0]
    return {
        "setting": setting.name,
        "options": ", ".join(f"{name}={value}" for name, value in sorted(setting.options.items())),
        "months": len(months),
        "flights": int(months["flights"].sum()),
        "roc_auc": float((months["roc_auc"] * weights).sum()),
        "average_precision": float((months["average_precision"] * weights).sum()),
        "brier": float((months["brier"] * weights).sum()),
        "worst_month": int(worst["month"]),
        "worst_roc_auc": float(worst["roc_auc"]),
    }


@provenance(version=1, tags=["report"])
def report(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """The settings under each other, the best one first."""
    return pd.DataFrame(list(rows)).sort_values(["roc_auc", "setting"], ascending=[False, True], ignore_index=True)
