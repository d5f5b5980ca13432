"""What became of one job, added up from what it used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from provenance.artifacts.found_rows import JobRow


@dataclass(slots=True)
class Tally:
    """Counts and seconds of one job, and the processes that it ran in, the one that began it first."""

    run_ids: dict[str, None]
    hits: int = 0
    computed: int = 0
    failed: int = 0
    seconds_run: float = 0.0
    seconds_saved: float = 0.0

    def add(self, used_as: str, run_id: str, count: int, seconds: float) -> None:
        """Add artifacts that one process found or computed, and the seconds that count of them."""
        if used_as == "hit":
            self.hits += count
            self.seconds_saved += seconds
        else:
            self.computed += count
            self.seconds_run += seconds
            self.run_ids[run_id] = None

    def added_to(self, row: JobRow, hosts: Mapping[str, object]) -> JobRow:
        """The job's row with all of it; `hosts` are those of the processes."""
        names = dict.fromkeys(str(hosts[run_id]) for run_id in self.run_ids if hosts.get(run_id) is not None)
        return replace(
            row,
            hits=self.hits,
            computed=self.computed,
            failed=self.failed,
            seconds_run=self.seconds_run,
            seconds_saved=self.seconds_saved,
            hosts=tuple(names),
        )
