"""What the tests of blobstores share."""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable

import pytest


class Forked:
    """A forked process that does some work and ends."""

    def __init__(self, work: Callable[[], object]) -> None:
        self._process = os.fork()
        if self._process == 0:
            signal.alarm(30)  # a process that waits for threads it has not must not outlive the test
            code = 1
            try:
                work()
                code = 0
            except BaseException:  # noqa: BLE001  the exit code tells
                traceback.print_exc()
            finally:
                os._exit(code)

    def exit_code(self) -> int:
        """Wait for the end: 0 if the work was done, 1 if it raised, negative if it was killed."""
        return os.waitstatus_to_exitcode(os.waitpid(self._process, 0)[1])


@pytest.fixture
def fork() -> Callable[[Callable[[], object]], Forked]:
    """Start a forked process with some work to do."""
    return Forked
