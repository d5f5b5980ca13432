"""The command ``python -m examples.flights``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from distributed import Client, LocalCluster

import provenance as p
from examples.flights import home, job, pipeline, tally
from examples.flights.tables import report_table, runs_table

if TYPE_CHECKING:
    from collections.abc import Iterator

CHANGED = ("boosting", "learning_rate", 0.2)


def main(arguments: Sequence[str] | None = None) -> int:
    """Compute the pipeline twice and once more with one option changed; print what ran. Returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        folder = home.prepare(options.home, keep=options.keep)
    except home.ForeignFolderError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    p.load_yaml_config(str(folder / home.CONFIG))
    with _cluster(options.workers) as client:
        runs = _run_all(client, sample=options.sample, seed=options.seed)
    _print(runs, folder)
    return 0


def _run_all(client: Client, *, sample: float, seed: int) -> list[tuple[str, job.Run]]:
    name, option, value = CHANGED
    changed = pipeline.with_option(pipeline.SETTINGS, name, option, value)
    plan = [
        ("first", "1  first", pipeline.SETTINGS),
        ("again", "2  again", pipeline.SETTINGS),
        ("changed", f"3  {name}: {option}={value}", changed),
    ]
    return [(words, job.run(client, label, settings, sample=sample, seed=seed)) for label, words, settings in plan]


@contextmanager
def _cluster(workers: int) -> Iterator[Client]:
    """A cluster of processes with one thread each, and a count of the tasks its scheduler sees."""
    with (
        LocalCluster(  # type: ignore[no-untyped-call]  # distributed has few types
            n_workers=workers, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0"
        ) as cluster,
        Client(cluster) as client,  # type: ignore[no-untyped-call]
    ):
        tally.start(client)
        yield client


def _print(runs: Sequence[tuple[str, job.Run]], folder: Path) -> None:
    last = runs[-1][1]
    print(runs_table(runs), end="\n\n")
    for words, run in runs:
        print(f"set of run {words.split()[0]}  {run.artifacts.id}  {len(run.artifacts)} artifacts")
    print(f"\nreport of run 1\n{report_table(runs[0][1].report)}")
    print(f"\nreport of run 3\n{report_table(last.report)}")
    print(f"\nlineage  {p.visualize_lineage(last.report).save(folder / home.PICTURE)}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m examples.flights", description=main.__doc__)
    parser.add_argument("--home", type=Path, default=Path(home.DEFAULT), help="folder for everything that is stored")
    parser.add_argument("--keep", action="store_true", help="go on with what an earlier run stored there")
    parser.add_argument("--sample", type=_share, default=1.0, help="share of the flights to use, up to 1 (default)")
    parser.add_argument("--seed", type=int, default=2013, help="for the sample and the models (default %(default)s)")
    parser.add_argument("--workers", type=_count, default=2, help="processes of the cluster (default %(default)s)")
    return parser


def _share(text: str) -> float:
    share = float(text)
    if not 0.0 < share <= 1.0:
        msg = "must be more than 0 and at most 1"
        raise argparse.ArgumentTypeError(msg)
    return share


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        msg = "must be at least 1"
        raise argparse.ArgumentTypeError(msg)
    return count


if __name__ == "__main__":
    sys.exit(main())
