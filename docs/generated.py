"""The parts of the pages that are made from the code: ``python -m docs.generated`` writes them anew.

Each stands in its page between two comments. A test tells when one is out of date.
"""  # noqa: INP001  the folder of the pages is no package

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import provenance
import provenance_dask
from provenance import errors
from provenance.config.reference import markdown

PAGES = Path(__file__).parent

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


PARTS: Mapping[str, tuple[str, Callable[[], str]]] = {
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
