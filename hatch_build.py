"""Compiles the writer of small values where there is a compiler; all else works, and hashes alike, without it.

``python hatch_build.py`` compiles it in place, for work in a clone.
"""

from __future__ import annotations

import shlex
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # compiled in place, without hatchling
    BuildHookInterface = object

SOURCE = Path("provenance/hashing/_native.c")


def build(root: Path) -> Path | None:
    """Compile the extension beside its source and return its path; None where that does not work."""
    source = root / SOURCE
    target = source.with_name(f"_native{sysconfig.get_config_var('EXT_SUFFIX') or ''}")
    link, options = (shlex.split(sysconfig.get_config_var(name) or "") for name in ("LDSHARED", "CCSHARED"))
    command = [*link, *options, "-O2", f"-I{sysconfig.get_path('include')}", str(source), "-o", str(target)]
    try:
        target.unlink(missing_ok=True)
        subprocess.run(command, check=True, capture_output=True, timeout=300)
    except (OSError, subprocess.SubprocessError):
        return None
    return target


class NativeBuildHook(BuildHookInterface):  # type: ignore[misc]  # without types here
    """Puts the compiled writer into wheels."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile before the files of a wheel are collected."""
        del version
        target = build(Path(self.root))
        if target is not None:
            build_data["artifacts"].append(f"/{target.relative_to(self.root).as_posix()}")
            build_data["pure_python"] = False
            build_data["infer_tag"] = True


if __name__ == "__main__":
    built = build(Path(__file__).resolve().parent)
    print("no compiler was found, or it failed" if built is None else built)
