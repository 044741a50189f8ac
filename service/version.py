"""The version of this software and of what it computes with."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

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
