"""The parts of the pages that are made from the code: ``python -m docs.generated`` writes them anew.

Each stands in its page between two comments. A test tells when one is out of date.
"""  # noqa: INP001  the folder of the pages is no package

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import provenance
import provenance_dask
from provenance import errors
from provenance.config.reference import markdown

PAGES = Path(__file__).parent
RESULTS = PAGES.parent / "benchmarks" / "results"
MIB = 1 << 20

_GROUPS: Mapping[str, tuple[str, ...]] = {
    "Decorate": ("provenance", "ensure_proxies", "archive_file", "provenance_wrapper"),
    "Load": ("load_artifact", "load_proxy", "Artifact", "ArtifactProxy", "ArchivedFile"),
    "Sets": (
        "capture_set",
        "provenance_set",
        "create_set",
        "label_set",
        "load_set_by_id",
        "load_set_by_labels",
        "load_set_by_name",
        "ArtifactSet",
    ),
    "Jobs": ("job", "jobs", "Job", "JobRow"),
    "Search": ("find", "sets", "runs", "Found", "ArtifactRow", "SetRow", "RunRow"),
    "Lineage": (
        "dependencies",
        "progeny",
        "promote",
        "sync",
        "Progress",
        "Synced",
        "Transfer",
        "visualize_lineage",
        "Picture",
    ),
    "Configure": (
        "from_config",
        "load_config",
        "load_yaml_config",
        "current_config",
        "get_default_repo",
        "set_default_repo",
        "get_repo_by_name",
        "using_repo",
        "get_use_cache",
        "set_use_cache",
        "get_read_only",
        "set_read_only",
        "get_check_mutations",
        "set_check_mutations",
        "get_single_flight",
        "set_single_flight",
        "get_lease_seconds",
        "set_lease_seconds",
        "set_run_info_fn",
        "replay_journal",
        "run_info",
    ),
    "Values": ("hash", "value_repr", "is_proxy", "unwrap", "lazy_dict", "lazy_proxy_dict", "register_serializer"),
}


def names_by_group() -> dict[str, list[str]]:
    """The public names of `provenance`, in the groups of the page; a name that is in none comes last."""
    grouped = {name for names in _GROUPS.values() for name in names}
    problems = [name for name in provenance.__all__ if name in errors.__all__]
    others = sorted(set(provenance.__all__) - grouped - set(problems))
    return {**{group: list(names) for group, names in _GROUPS.items()}, "Others": others, "Errors": problems}


def api() -> str:
    """One entry for each public name."""
    sections = {group: [f"provenance.{name}" for name in names] for group, names in names_by_group().items() if names}
    sections["Dask"] = [f"provenance_dask.{name}" for name in provenance_dask.__all__]
    return "\n\n".join("\n\n".join([f"## {title}", *map(_entry, names)]) for title, names in sections.items())


def _entry(name: str) -> str:
    entry = f"::: {name}"
    if name != "provenance_dask.provenance":
        return entry
    # It is made at run time, so that the tool that reads the sources finds no docstring.
    summary, parameters, *_ = str(provenance_dask.provenance.__doc__).split("\n\n")
    return "\n\n".join([entry, summary, parameters.removeprefix("Parameters\n----------\n")])


def error_tree() -> str:
    """The tree at the top of the module of errors."""
    lines = (errors.__doc__ or "").partition("::\n")[2].splitlines()
    tree = [line.removeprefix("    ") for line in lines if line.startswith("    ")]
    return "\n".join(["```text", *tree, "```"])


def benchmarks() -> str:
    """The last committed run of each group of benchmarks."""
    return "\n\n".join(map(_run, sorted(RESULTS.glob("table-*.json"))))


def _run(path: Path) -> str:
    report = json.loads(path.read_bytes())
    at = str(report["at"]).partition("T")[0]
    head = f"Measured on {at} with Python {report['python']} on {report['machine']}, {report['cores']} cores."
    lines = ["| work | against | here | there | times faster (quartiles) | to reach |", "|---|---|--:|--:|--:|---|"]
    return "\n".join([head, "", *lines, *map(_benchmark, report["rows"])])


def _benchmark(row: Mapping[str, Any]) -> str:
    if "extra_bytes" in row:
        share = row["extra_bytes"] / row["array_bytes"]
        sizes = f"{row['extra_bytes'] / MIB:.1f} MiB | {row['array_bytes'] / MIB:.0f} MiB | {share:.1%}"
        return f"| {row['work']} | the array | {sizes} | {_goal(row, 'at most ' + format(row['reach'], '.0%'))} |"
    times = f"{_times(row['ratio'])} ({_times(row['ratio_low'])}-{_times(row['ratio_high'])})"
    seconds = f"{_seconds(row['ours_seconds'])} | {_seconds(row['peer_seconds'])}"
    goal = "" if row["reach"] is None else _goal(row, f"{row['reach']:.3g}")
    return f"| {row['work']} | {row['peer']} | {seconds} | {times} | {goal} |"


def _goal(row: Mapping[str, Any], goal: str) -> str:
    return f"{goal}, {'reached' if row['reached'] else '**not reached**'}"


def _times(ratio: float) -> str:
    return f"{ratio:.0f}" if ratio >= 10 else f"{ratio:.1f}" if ratio >= 1 else f"{ratio:.2f}"  # noqa: PLR2004


def _seconds(seconds: float) -> str:
    return f"{seconds * 1e6:.1f} µs" if seconds < 1e-3 else f"{seconds * 1e3:.1f} ms"  # noqa: PLR2004


PARTS: Mapping[str, tuple[str, Callable[[], str]]] = {
    "benchmarks": ("benchmarks.md", benchmarks),
    "api": ("api.md", api),
    "error tree": ("errors.md", error_tree),
    "configuration": ("configuration.md", markdown),
}


def with_part(page: str, part: str, text: str) -> str:
    """The page with `text` between the two comments of a part."""
    begin, end = f"<!-- begin: {part} -->", f"<!-- end: {part} -->"
    before, _, rest = page.partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        msg = f"the page has no place for {part!r}: it needs the lines {begin} and {end}"
        raise ValueError(msg)
    return f"{before}{begin}\n\n{text.strip()}\n\n{end}{after}"


def main() -> None:
    """Write every part into its page."""
    for part, (name, make) in PARTS.items():
        page = PAGES / name
        page.write_text(with_part(page.read_text("utf-8"), part, make()), "utf-8")


if __name__ == "__main__":
    main()
