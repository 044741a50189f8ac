"""Documentation under test: links lead somewhere, commands that it shows exist, the index is complete."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from service.cli import app
from tests.house.tree import ROOT, files, name

PAGES = sorted(files(".md"))
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
SPAN = re.compile(r"`([^`\n]+)`")
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
TARGET = re.compile(r"^([a-z][a-z-]*):", re.MULTILINE)


def headings(page: Path) -> set[str]:
    """Anchors of a page, as the usual hosts make them from headings."""
    found = set()
    for title in re.findall(r"^#+ +(.+)$", page.read_text(), re.MULTILINE):
        found.add(re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-"))
    return found


def code(page: Path) -> Iterator[str]:
    """Each line of code blocks and each code span."""
    text = page.read_text()
    for block in FENCED.findall(text):
        yield from (line.strip() for line in block.splitlines()[1:-1])
    text = re.sub(r"\\\n\s*", "", FENCED.sub("", text))  # a command that goes on in the next line
    yield from (line.strip() for line in text.splitlines() if line.startswith("    "))
    yield from SPAN.findall(text)


def shown(program: str) -> list[tuple[str, str]]:
    """(page, words after the program) wherever the documentation shows it being run."""
    start = re.compile(rf"^(?:\$ )?(?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?{program} +(.+)$")
    lines = ((name(page), start.match(line)) for page in PAGES for line in code(page))
    return [(page, found.group(1)) for page, found in lines if found]


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_relative_links_lead_to_a_file_and_a_heading(page: Path) -> None:
    for link in LINK.findall(page.read_text()):
        if re.match(r"[a-z]+:", link):
            continue
        target, _, anchor = link.partition("#")
        found = (page.parent / target).resolve() if target else page
        assert found.exists(), f"{name(page)} links to {link}"
        if anchor and found.suffix == ".md":
            assert anchor in headings(found), f"{name(page)} links to {link}"


def test_the_index_and_the_decisions_list_every_page() -> None:
    for index in (ROOT / "docs" / "README.md", ROOT / "docs" / "adr" / "README.md"):
        linked = {link.partition("#")[0] for link in LINK.findall(index.read_text())}
        missing = [p.name for p in index.parent.glob("*.md") if p != index and p.name not in linked]
        assert not missing, f"{name(index)} does not list {missing}"


def test_the_readme_shows_both_commands() -> None:
    text = (ROOT / "README.md").read_text()
    assert "make serve" in text
    assert "make test" in text


def test_every_make_target_shown_exists() -> None:
    targets = set(TARGET.findall((ROOT / "Makefile").read_text()))
    for page, words in shown("make"):
        for word in words.partition("#")[0].split():
            assert "=" in word or word in targets, f"{page} shows make {word}"


def check_command(words: list[str], page: str) -> None:
    """Follow the words down the commands; every option after them has to be known there."""
    command: Any = typer.main.get_command(app)
    depth = 0
    while depth < len(words) and words[depth] in getattr(command, "commands", {}):
        command = command.commands[words[depth]]
        depth += 1
    shown_as = "ytterby " + " ".join(words)
    may_stand_first = not words or words[0].startswith("-") or words[0].isupper()  # COMMAND: any of them
    assert depth or may_stand_first, f"{page} shows {shown_as}"
    known = {"--help"} | {option for parameter in command.params for option in parameter.opts}
    known |= {option for parameter in command.params for option in parameter.secondary_opts}
    unknown = [w for w in words[depth:] if w.startswith("--") and w.partition("=")[0] not in known]
    assert not unknown, f"{page} shows {shown_as}: no option {unknown}"


def test_every_command_shown_exists() -> None:
    lines = shown("ytterby")
    for page, line in lines:
        words = shlex.split(line, comments=True)
        end = next((at for at, word in enumerate(words) if word in {"|", ">", "&&", ";"}), len(words))
        check_command(words[:end], page)
    commands = {line.split()[0] for page, line in lines if not line.startswith("-")}
    assert commands >= {"train", "forecast"}, "the documentation shows the command line"
