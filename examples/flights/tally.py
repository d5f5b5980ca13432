"""How many tasks the scheduler saw, asked from the scheduler."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from distributed import SchedulerPlugin

if TYPE_CHECKING:
    from distributed import Client, Scheduler

NAME = "flights-tally"
GONE = ("released", "forgotten")


class Tally(SchedulerPlugin):
    """Remembers the keys of the tasks that were sent to the scheduler, or that it did anything with."""

    name = NAME
    idempotent = True

    def __init__(self) -> None:
        self.keys: set[Any] = set()

    def update_graph(self, scheduler: Scheduler, *, tasks: list[Any], **kwargs: Any) -> None:  # noqa: ARG002
        """A graph came in."""
        self.keys.update(tasks)

    def transition(self, key: Any, start: str, finish: str, *args: Any, **kwargs: Any) -> None:  # noqa: ARG002
        """A task went on; one that is only cleared away belongs to an earlier run."""
        if finish not in GONE:
            self.keys.add(key)


def start(client: Client) -> None:
    """Begin to count on the scheduler of `client`."""
    client.register_plugin(Tally())


def take(client: Client) -> int:
    """The number of tasks the scheduler saw since the last call."""
    return cast("int", client.run_on_scheduler(_take))  # type: ignore[no-untyped-call]  # distributed has few types


def _take(dask_scheduler: Scheduler) -> int:
    keys = cast("Tally", dask_scheduler.plugins[NAME]).keys
    count = len(keys)
    keys.clear()
    return count
