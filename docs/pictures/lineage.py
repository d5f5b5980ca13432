"""Draw the picture of the README: ``python docs/pictures/lineage.py`` writes ``lineage.svg`` beside this file."""  # noqa: INP001

from __future__ import annotations

import tempfile
from pathlib import Path

import provenance as p


@p.provenance()
def load_prices(market: str) -> dict[str, list[float]]:
    """Prices of three days, by product."""
    return {"apples": [2.0, 2.5, 3.0], "pears": [1.5, 1.5, 1.8]} if market == "north" else {"apples": [2.2, 2.4, 2.9]}


@p.provenance(returns_composite=True)
def split(prices: dict[str, list[float]], days: int) -> dict[str, object]:
    """The first days to learn from, the rest to test with."""
    return {
        "train": {name: row[:days] for name, row in prices.items()},
        "test": {name: row[days:] for name, row in prices.items()},
    }


@p.provenance(version=3)
def fit(train: dict[str, list[float]]) -> dict[str, float]:
    """Expect the mean."""
    return {name: sum(row) / len(row) for name, row in train.items()}


@p.provenance()
def score(model: dict[str, float], test: dict[str, list[float]]) -> float:
    """Mean absolute error."""
    errors = [abs(price - model[name]) for name, row in test.items() for price in row]
    return sum(errors) / len(errors)


@p.provenance()
def compare(scores: dict[str, float]) -> str:
    """The market that is easiest to foretell."""
    return min(scores, key=lambda market: scores[market])


def draw(path: Path) -> Path:
    """Compute the pipeline in a repo of its own and save its picture."""
    with tempfile.TemporaryDirectory() as folder:
        p.load_config(
            {
                "blobstores": {"files": {"type": "disk", "cachedir": f"{folder}/blobs"}},
                "artifact_repos": {"main": {"type": "sqlite", "db": f"{folder}/artifacts.db", "store": "files"}},
            }
        )
        scores = {}
        for market in ("north", "south"):
            parts = split(load_prices(market), days=2)
            scores[market] = score(fit(parts["train"]), parts["test"])
        return p.visualize_lineage(compare(scores)).save(path)


if __name__ == "__main__":
    draw(Path(__file__).with_name("lineage.svg"))
