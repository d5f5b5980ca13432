"""A logger that is made when something is logged: `logging` takes longer to import than a first hit."""

from __future__ import annotations

import sys


class Log:
    """What is said to a logger of `logging`.

    Parameters
    ----------
    name : str
        The logger.
    """

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def info(self, message: str, *arguments: object) -> None:
        """Say what only those read who ask for it, which nobody has done before `logging` was imported."""
        if "logging" in sys.modules:
            import logging  # noqa: PLC0415  it is there

            logging.getLogger(self._name).info(message, *arguments, stacklevel=2)

    def warning(self, message: str, *arguments: object) -> None:
        """Say what everybody should know."""
        import logging  # noqa: PLC0415  only needed for messages

        logging.getLogger(self._name).warning(message, *arguments, stacklevel=2)
