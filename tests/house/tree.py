"""The files of the project as tests see them, whether or not this is a git checkout."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = (".ci", "data", "docs", "forecast", "requirements", "service", "tests", "tools")
NOT_TEXT = {".pyc", ".png", ".svg", ".zip", ".xlsx", ".npz", ".db"}


def files(*suffixes: str) -> Iterator[Path]:
    """Every text file that belongs to the project, or those with one of the suffixes."""
    inside = (path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*")))
    at_root = (path for path in sorted(ROOT.iterdir()) if path.name != ".git")
    for path in (*at_root, *inside):
        if not path.is_file() or path.suffix in NOT_TEXT or "__pycache__" in path.parts:
            continue
        if not suffixes or path.suffix in suffixes:
            yield path


def name(path: Path) -> str:
    """Path as the repository knows it."""
    return path.relative_to(ROOT).as_posix()
