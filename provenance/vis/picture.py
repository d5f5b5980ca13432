"""A graph in the DOT language that shows itself in notebooks and saves itself as a picture."""

from __future__ import annotations

import shutil
import subprocess
import sysconfig
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from provenance.errors import UsageError

_FORMATS = ("svg", "png", "dot")


@dataclass(frozen=True)
class Picture:
    """A drawn graph.

    Attributes
    ----------
    dot : str
        The graph in the DOT language of Graphviz.
    """

    dot: str

    def save(self, path: str | Path) -> Path:
        """Write the picture to a file whose extension says the format.

        Parameters
        ----------
        path : str or path
            Ends with ``.svg``, ``.png`` or ``.dot``. The first two need Graphviz: the extra ``vis`` brings it.

        Returns
        -------
        pathlib.Path
            The file.

        Raises
        ------
        UsageError
            The extension is another one, or no Graphviz was found.
        """
        target = Path(path)
        wanted = target.suffix[1:].lower()
        if wanted not in _FORMATS:
            msg = f"cannot save a picture as {target.name!r}; use one of the extensions .svg, .png and .dot"
            raise UsageError(msg)
        target.write_bytes(self.dot.encode() if wanted == "dot" else self._render(wanted))
        return target

    @cached_property
    def svg(self) -> str:
        """The picture as SVG text; `UsageError` when no Graphviz was found."""
        return self._render("svg").decode()

    def _render(self, wanted: str) -> bytes:
        program = _find_graphviz()
        if program is None:
            msg = (
                "drawing needs Graphviz, which was not found: pip install 'provenance[vis]', install your system's "
                "graphviz package, or save the picture with the extension .dot"
            )
            raise UsageError(msg)
        done = subprocess.run([program, f"-T{wanted}"], input=self.dot.encode(), capture_output=True, check=False)  # noqa: S603
        if done.returncode != 0:
            msg = f"{program} could not draw the graph: {done.stderr.decode(errors='replace').strip()[:300]}"
            raise UsageError(msg)
        return done.stdout

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        """What a notebook shows: the drawing, or the DOT text where it cannot be drawn."""
        del include, exclude
        try:
            return {"image/svg+xml": self.svg, "text/plain": repr(self)}
        except UsageError:
            return {"text/plain": self.dot}

    def __str__(self) -> str:
        return self.dot

    def __repr__(self) -> str:
        return f"<Picture of {self.dot.count(' [label=')} nodes>"


def _find_graphviz() -> str | None:
    """The program of the wheel ``graphviz-pure``, else the system's ``dot``."""
    beside = Path(sysconfig.get_path("scripts"), "graphviz-pure")
    return str(beside) if beside.is_file() else shutil.which("graphviz-pure") or shutil.which("dot")
