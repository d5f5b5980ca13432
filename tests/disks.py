"""Small disks, which only root can mount."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager

from tests.parts import missing


@contextmanager
def small_disk(folder, size):
    """Make a folder with so much space, such as ``1m``."""
    folder.mkdir()
    _mount("-t", "tmpfs", "-o", f"size={size},mode=0777", "tmpfs", folder)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def remount(folder, option):
    """Change a small disk: ``ro``, or another ``size=``."""
    _mount("-o", f"remount,{option}", folder)


def _mount(*arguments):
    done = subprocess.run(["mount", *arguments], capture_output=True, check=False)
    if done.returncode:
        missing(f"the right to mount a small file system ({done.stderr.decode().strip()})")
