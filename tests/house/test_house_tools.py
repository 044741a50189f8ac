"""The tools say what is missing, in words that can be acted on."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.house.tree import ROOT

SHELL = shutil.which("sh") or "/bin/sh"


def run(tool: str, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [SHELL, str(ROOT / "tools" / tool), *words]
    return subprocess.run(command, env=environment, text=True, capture_output=True, timeout=60)


def python_without(folder: Path, what: str) -> Path:
    """A Python that behaves as Debian's without the package that holds `what`."""
    fake = folder / "python3"
    fake.write_text(f'#!{SHELL}\ncase "$*" in *{what}*) exit 1;; esac\nexec {sys.executable} "$@"\n')
    fake.chmod(0o755)
    return fake


def test_find_python_takes_one_that_can_make_environments() -> None:
    found = run("find-python", PATH=os.environ["PATH"], PYTHON=sys.executable)
    assert (found.returncode, found.stdout.strip()) == (0, sys.executable)


def test_find_python_names_the_package_a_bare_debian_lacks(tmp_path: Path) -> None:
    fake = python_without(tmp_path, "ensurepip")
    found = run("find-python", PATH=os.environ["PATH"], PYTHON=str(fake))
    assert found.returncode == 1
    version = ".".join(map(str, sys.version_info[:2]))
    assert f"apt-get install python{version}-venv" in found.stderr


def test_find_python_says_which_version_is_needed(tmp_path: Path) -> None:
    found = run("find-python", PATH=str(tmp_path), PYTHON="python3")
    assert found.returncode == 1
    assert "Python 3.11 or newer" in found.stderr


def test_ensure_program_prints_the_one_it_was_given(tmp_path: Path) -> None:
    browser = tmp_path / "my-browser"
    browser.write_text("#!/bin/sh\n")
    browser.chmod(0o755)
    found = run("ensure-program", "chromium", PATH=os.environ["PATH"], CHROMIUM=str(browser))
    assert (found.returncode, found.stdout.strip()) == (0, str(browser))


def test_ensure_program_says_what_to_install_where_it_may_not(tmp_path: Path) -> None:
    who = tmp_path / "id"
    who.write_text(f"#!{SHELL}\necho 1000\n")
    who.chmod(0o755)
    found = run("ensure-program", "chromium", PATH=str(tmp_path))
    assert found.returncode == 1
    assert "apt-get install chromium" in found.stderr
