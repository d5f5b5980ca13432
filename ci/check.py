"""Run every check and test of the project in order, and stop at the first that fails.

``python ci/check.py`` runs them all; ``python ci/check.py NAME ...`` only the named ones.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable
SCRIPTS = Path(PYTHON).parent
DEBIAN_PACKAGES = {
    "faketime": "faketime",
    "iproute2": "ip",
    "npm": "npm",
    "openssh-server": "sshd",
    "pgbouncer": "pgbouncer",
    "postgresql": "pg_ctlcluster",
    "strace": "strace",
}
"""Programs that tests need, by the package that brings each."""
AZURITE_FOLDER = "share/azurite-3.37.0"
AZURITE = f"{AZURITE_FOLDER}/node_modules/azurite/dist/src/blob/main.js"
"""The server of Azure Blob Storage that npm brings, in the folder of the virtual environment."""
COVERAGE = ("--cov=provenance", "--cov=provenance_dask", "--cov-report=term", "--cov-fail-under=95")


@dataclass(frozen=True, slots=True)
class Check:
    """One command that must succeed; run in the root of the project."""

    name: str
    command: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)


def checks() -> list[Check]:
    """Every check, the quick ones first and the tests last: pytest's closing line ends the output."""
    return [
        Check("lint", (PYTHON, "-m", "ruff", "check", ".")),
        Check("format", (PYTHON, "-m", "ruff", "format", "--check", ".")),
        Check("types", (PYTHON, "-m", "mypy")),
        Check("layers", (str(SCRIPTS / "lint-imports"), "--no-cache", "importlinter.ini")),
        *_optional("docs", "mkdocs.yml", (PYTHON, "-m", "mkdocs", "build", "--strict", "--quiet")),
        *_optional("benchmarks", "benchmarks/__main__.py", (PYTHON, "-m", "benchmarks", "--tiny")),
        *_optional("benchmarks of growth", "benchmarks/growth.py", (PYTHON, "-m", "benchmarks.growth", "--tiny")),
        *_optional("benchmarks of search", "benchmarks/search.py", (PYTHON, "-m", "benchmarks.search", "--tiny")),
        # One file runs in one process: what its tests share is started once, and a page's examples stay in order.
        Check("tests", (PYTHON, "-m", "pytest", "-n", "2", "--dist", "loadfile", *COVERAGE)),
    ]


def _optional(name: str, needs: str, command: tuple[str, ...]) -> list[Check]:
    if not (ROOT / needs).exists():
        return []
    return [Check(name, command, {"NO_MKDOCS_2_WARNING": "1"})]


def install_debian_packages() -> None:
    """Install the programs that tests need and pip cannot bring, where this is Debian and we are root."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin"
    missing = [package for package, program in DEBIAN_PACKAGES.items() if shutil.which(program, path=path) is None]
    apt_get = shutil.which("apt-get")
    if missing and apt_get and os.geteuid() == 0:
        for command in (["update"], ["install", "--yes", "--no-install-recommends", *missing]):
            subprocess.run([apt_get, *command], stdout=subprocess.DEVNULL, check=True)


def install_azurite() -> None:
    """Install the one server that tests need and only npm brings, where it is missing."""
    npm = shutil.which("npm")
    if npm and not Path(sys.prefix, AZURITE).exists():
        folder = Path(sys.prefix, AZURITE_FOLDER)
        package = folder.name.replace("-", "@")
        options = ("--ignore-scripts", "--no-audit", "--no-fund", "--silent")
        subprocess.run([npm, "install", "--prefix", str(folder), *options, package], check=True)


def run(check: Check) -> float:
    """Run one check and return the seconds it took, or leave the script if it fails."""
    print(f"\n== {check.name}: {' '.join(check.command)}", flush=True)
    started = time.monotonic()
    result = subprocess.run(check.command, cwd=ROOT, env={**os.environ, **check.environment}, check=False)
    if result.returncode:
        sys.exit(f"\n== FAILED: {check.name} (exit code {result.returncode})")
    return time.monotonic() - started


def main(names: list[str]) -> None:
    """Run the checks called `names`, or all, and print what they took."""
    every = checks()
    unknown = sorted(set(names) - {check.name for check in every})
    if unknown:
        known = ", ".join(check.name for check in every)
        sys.exit(f"no check is called {', '.join(unknown)} (there are {known})")
    install_debian_packages()
    install_azurite()
    wanted = [check for check in every if not names or check.name in names]
    seconds = {check.name: run(check) for check in wanted}
    print("\n== passed: " + ", ".join(f"{name} {took:.0f} s" for name, took in seconds.items()))


if __name__ == "__main__":
    main(sys.argv[1:])
