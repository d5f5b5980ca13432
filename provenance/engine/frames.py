"""What the running function body was given: lets nested calls know plain values that came out of a repo."""

from __future__ import annotations

from contextvars import ContextVar

from provenance.artifacts.artifact import Artifact
from provenance.artifacts.proxy import ArtifactProxy, plain_value
from provenance.repos.capture import HandedOut


class Frame:
    """One running body.

    Attributes
    ----------
    carried : dict
        Proxies by the ``id()`` of the plain value the body got for each.
    calls : list of Artifact
        Results of the decorated functions the body called, in order.
    computed : list of Artifact
        What was computed for the first time under this body, at any depth.
    handed_out : HandedOut
        Work that the body handed out; what of it is stored when the body ends counts as called by it.
    """

    __slots__ = ("calls", "carried", "computed", "handed_out")

    def __init__(self) -> None:
        self.carried: dict[int, ArtifactProxy] = {}
        self.calls: list[Artifact] = []
        self.computed: list[Artifact] = []
        self.handed_out = HandedOut()

    def plain(self, proxy: ArtifactProxy) -> object:
        """The value of a proxy, remembered as that proxy's; the proxy keeps the value alive."""
        value = plain_value(proxy)
        # None, True and False are one object each however they came about: they cannot tell where they are from.
        if value is not None and not isinstance(value, bool):
            self.carried[id(value)] = proxy
        return value


_frame: ContextVar[Frame | None] = ContextVar("provenance_frame", default=None)


def current_frame() -> Frame | None:
    """The innermost running body of this context."""
    return _frame.get()


class entered:  # noqa: N801  reads as a statement: with entered(frame)
    """Make a frame the current one inside a ``with`` block."""

    __slots__ = ("_frame", "_token")

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def __enter__(self) -> None:
        self._token = _frame.set(self._frame)

    def __exit__(self, *exc_info: object) -> None:
        _frame.reset(self._token)
