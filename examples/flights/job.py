"""Compute the pipeline on a cluster and say what ran, from what the scheduler and the repo tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

from examples.flights import pipeline, tally
from examples.flights.models import Setting
from provenance import ArtifactSet, capture_set, load_artifact

if TYPE_CHECKING:
    import pandas as pd
    from distributed import Client


@dataclass(frozen=True)
class Run:
    """What one computation of the pipeline took.

    Attributes
    ----------
    label : str
        The set of the artifacts that the run used has the labels ``{"job": "flights", "run": label}``.
    nodes, hits, tasks : int
        Calls in the pipeline; artifacts in the set that were not computed in this run; tasks the scheduler saw.
    seconds, seconds_saved : float
        From the first call to the result; recorded seconds of computing of the hits.
    report : pandas.DataFrame
        The result, a proxy.
    artifacts : ArtifactSet
        What the run used, as stored in the repo.
    """

    label: str
    nodes: int
    hits: int
    tasks: int
    seconds: float
    seconds_saved: float
    report: pd.DataFrame
    artifacts: ArtifactSet


def run(client: Client, label: str, settings: Sequence[Setting], *, sample: float, seed: int) -> Run:
    """Build the pipeline, compute its report on the cluster of `client`, and count."""
    tally.take(client)
    started = perf_counter()
    with capture_set({"job": "flights", "run": label}) as captured:
        made = pipeline.build(settings, sample=sample, seed=seed)
        report = made.report.compute()
    seconds = perf_counter() - started
    used = captured[0]
    computed = {node.artifact_id for node in made.nodes.values() if node.status == "computed"}
    hits = [load_artifact(artifact_id) for artifact_id in used if artifact_id not in computed]
    return Run(
        label=label,
        nodes=len(made.nodes),
        hits=len(hits),
        tasks=tally.take(client),
        seconds=seconds,
        seconds_saved=sum(artifact.compute_duration for artifact in hits),
        report=report,
        artifacts=used,
    )
