"""Who may use the folders and files that the library makes: their owner only, or a group of users too."""

from __future__ import annotations

import contextlib
import os
from typing import Literal, NamedTuple, TypeAlias

from provenance.errors import ConfigError

Shared: TypeAlias = Literal["group"]
StrPath: TypeAlias = str | os.PathLike[str]


class Access(NamedTuple):
    """Modes of what is made, whatever the umask of the process.

    Attributes
    ----------
    folder : int
        Of folders. With the bit setgid, what is made in them belongs to their group.
    published : int
        Of files that are never written again.
    changed : int
        Of files that are.
    """

    folder: int
    published: int
    changed: int

    @property
    def is_private(self) -> bool:
        """Whether it is only the owner's."""
        return not self.folder & 0o070


PRIVATE = Access(0o700, 0o400, 0o600)
GROUP = Access(0o2770, 0o440, 0o660)


def access_for(shared: str | None, what: str) -> Access:
    """The modes that the option ``shared`` asks for.

    Raises
    ------
    ConfigError
        It has another value than None and ``"group"``; the message names `what` it is an option of.
    """
    if shared is None:
        return PRIVATE
    if shared == "group":
        return GROUP
    msg = f"shared of {what} must be 'group', or left out for its owner only, got {shared!r}"
    raise ConfigError(msg)


def make_folders(folder: StrPath, access: Access = PRIVATE) -> list[str]:
    """Make a folder and those it is in where they are missing; returns what was made, the innermost first.

    A folder for a group gets the group of the folder it is in, if the process may give it that.
    """
    path = os.fspath(folder)
    make = _make_private if access.is_private else _make_shared
    try:
        return [path] if make(path, access) else []
    except FileNotFoundError:
        outer = make_folders(os.path.dirname(path), access)
        return [path, *outer] if make(path, access) else outer


def _make_private(path: str, access: Access) -> bool:
    try:
        os.mkdir(path, access.folder)
    except FileExistsError:
        if not os.path.isdir(path):
            raise
        return False
    return True


def _make_shared(path: str, access: Access) -> bool:
    """Make a folder under another name first, so that it is open to the group as soon as others see it."""
    if os.path.isdir(path):
        return False
    temporary = f"{path}~{os.urandom(4).hex()}"
    os.mkdir(temporary, access.folder & 0o700)
    try:
        _give_to_group(temporary, os.stat(os.path.dirname(path)).st_gid)
        os.chmod(temporary, access.folder)
        os.rename(temporary, path)
    except OSError:
        os.rmdir(temporary)
        if not os.path.isdir(path):
            raise
        return False  # another process was first, and has filled it
    return True


def _give_to_group(path: str, group: int) -> None:
    if os.stat(path).st_gid != group:
        with contextlib.suppress(OSError):  # the process is not of that group: its own one it is
            os.chown(path, -1, group)


def set_mode(descriptor: int, mode: int, access: Access) -> None:
    """Give a new file the mode that it was opened with, which the umask may have taken from it."""
    if not access.is_private:
        os.fchmod(descriptor, mode)


def is_open_to(folder: StrPath, access: Access) -> bool:
    """Whether a folder has all the rights that `access` gives."""
    return os.stat(folder).st_mode & access.folder == access.folder


def is_own(path: StrPath) -> bool:
    """Whether something belongs to the user of this process, so that its mode can be changed."""
    return os.stat(path).st_uid == os.geteuid()


def open_to(path: StrPath, mode: int, group: int) -> None:
    """Give an existing file or folder to a group with a mode, where the process may do that."""
    with contextlib.suppress(OSError):
        if is_own(path):
            _give_to_group(os.fspath(path), group)
            os.chmod(path, mode)
