"""What nobody should have to remember: the shape of the tree, its locks, and what stands in no file."""

from __future__ import annotations

import re
import tomllib

import pytest

from tests.house.tree import ROOT, files, name

# Written with brackets, so that this file does not hold what it looks for.
HOST = re.compile(r"https?://[^ ]*(pyp[i]|pythonh[o]sted|npmj[s]|debia[n])\.|(extra-)?index[-]url\s*=")
MACHINE = re.compile(r"(^|[^.\w])/(wor[k]|far[m]|home/[a-z]+|roo[t]|tm[p]/[a-z])/", re.MULTILINE)
UNFINISHED = re.compile(r"\b(TOD[O]|FIXM[E]|XX[X]|NotImplementedErro[r])\b|pytest\.mark\.(ski[p]|xfai[l])\b")
PIN = re.compile(r"^([a-z0-9._-]+)==(\S+)", re.MULTILINE)


def pins(lock: str) -> dict[str, set[str]]:
    """Package -> versions in a lock (one per platform)."""
    found: dict[str, set[str]] = {}
    for package, version in PIN.findall((ROOT / "requirements" / lock).read_text()):
        found.setdefault(package, set()).add(version)
    return found


@pytest.mark.parametrize("pattern", [HOST, MACHINE], ids=["package host", "path of a machine"])
def test_no_file_names(pattern: re.Pattern[str]) -> None:
    found = [f"{name(p)}: {hit.group(0)!r}" for p in files() for hit in pattern.finditer(p.read_text())]
    assert not found


def test_nothing_is_left_unfinished_or_skipped() -> None:
    found = [f"{name(p)}: {hit.group(0)}" for p in files(".py") for hit in UNFINISHED.finditer(p.read_text())]
    assert not found


def test_tests_are_no_packages_and_have_unique_names() -> None:
    tests = ROOT / "tests"
    assert not list(tests.rglob("__init__.py")), "a package tests/data would shadow the real one"
    names = [path.name for path in tests.rglob("test_*.py")]
    assert sorted(set(names)) == sorted(names)


def test_modules_stay_below_500_lines() -> None:
    long = {name(p): n for p in files(".py") if (n := len(p.read_text().splitlines())) > 500}
    assert not long, "would each be clearer as two?"


def test_ignore_rules_cannot_drop_a_package() -> None:
    """An unanchored `data/` would leave the package `data` out of the wheel without a word."""
    rules = (ROOT / ".gitignore").read_text().splitlines()
    loose = [
        rule
        for rule in rules
        if rule and rule[0] not in "#/" and re.match(r"\W*(data|var|forecast|service)\b", rule)
    ]
    assert not loose


def test_thread_limits_are_exported_one_a_line() -> None:
    """In make, `export A=1 B=2` sets A to "1 B=2"."""
    exports = re.findall(r"^export .*$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {"export OMP_NUM_THREADS := 1", "export OPENBLAS_NUM_THREADS := 1"} <= set(exports)


@pytest.mark.parametrize("lock", ["build.lock", "runtime.lock", "dask.lock", "test.lock", "bench.lock"])
def test_every_locked_package_has_hashes_and_no_address(lock: str) -> None:
    text = (ROOT / "requirements" / lock).read_text()
    entries = re.split(r"^(?=[a-z0-9._-]+==)", text, flags=re.MULTILINE)[1:]
    assert entries
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "://" not in text


def test_locks_agree_and_cover_what_is_declared() -> None:
    runtime, test, build, dask = (pins(f"{name}.lock") for name in ("runtime", "test", "build", "dask"))
    assert {package: dask.get(package) for package in runtime} == runtime, "make lock"
    assert {package: test.get(package) for package in dask} == dask, "make lock"
    assert {p: v for p, v in build.items() if p in test} == {p: test[p] for p in build if p in test}, (
        "make lock"
    )
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for lock, declared in (
        (runtime, project["dependencies"]),
        (dask, project["optional-dependencies"]["dask"]),
        (test, project["optional-dependencies"]["test"]),
    ):
        names = {re.split(r"[\[<>=!~; ]", line)[0].lower().replace("_", "-") for line in declared}
        assert names <= set(lock), "make lock"


def test_ci_calls_the_test_command_of_the_readme() -> None:
    assert "\nmake test\n" in (ROOT / ".ci" / "run").read_text()
