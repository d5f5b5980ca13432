"""The frame that is hashed and loaded."""

from __future__ import annotations

import numpy as np
import pandas as pd


def frame(rows: int) -> pd.DataFrame:
    """A frame with columns of several kinds: numbers, names, categories, flags and times."""
    numbers = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "id": np.arange(rows),
            "x": numbers.random(rows),
            "y": numbers.random(rows),
            "name": [f"name {i % 1000}" for i in range(rows)],
            "group": pd.Categorical.from_codes(numbers.integers(0, 3, rows), pd.Index(["a", "b", "c"])),
            "valid": numbers.random(rows) < 1 / 2,
            "at": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(rows), unit="s"),
        }
    )
