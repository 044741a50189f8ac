"""The version of this software and of what it computes with."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

#: Libraries whose version can change a number.
COMPUTING = ("numpy", "pandas", "scipy", "statsmodels", "prophet")


def _own() -> str:
    try:
        return version("ytterby")
    except PackageNotFoundError:  # run from a source tree that was never installed
        return "0.0.0+source"


VERSION = _own()


def library_versions() -> dict[str, str]:
    """Versions that are stored with every forecast."""
    return {"ytterby": VERSION} | {name: version(name) for name in COMPUTING}


def machine() -> dict[str, str]:
    """Interpreter and processor family: with the versions, what decides the last bits of a number."""
    return {"python": platform.python_version(), "processor": _processor()}


def _processor() -> str:
    """Architecture, maker and family; only the architecture where the system does not tell more."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text().splitlines() if told.exists() else []
    facts = dict(line.split(":", 1) for line in reversed(lines) if ":" in line)
    said = {name.strip(): value.strip() for name, value in facts.items()}
    parts = (platform.machine(), said.get("vendor_id", ""), said.get("cpu family", ""))
    return " ".join(part for part in parts if part)
