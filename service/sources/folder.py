"""The watched folder on disk. Names are opened below it and never through a link, so that nothing outside it
is read or moved, whoever may write into it."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from forecast.errors import InputError
from service.refusals import TooLarge

DONE, APART = "done", "quarantined"
#: How the names of files end that somebody is still writing; those that begin with a dot are too.
_UNFINISHED = (".part", ".tmp", ".crdownload", ".filepart")
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_LONGEST_NAME = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A name in the folder. source_id: of the source in whose folder it is, None at the top. seen: inode,
    size and time of the last change."""

    name: str
    source_id: str | None
    seen: tuple[int, int, int]

    @property
    def plain(self) -> str:
        """The name as text that can be stored and shown."""
        name = os.fsencode(self.name).decode("utf-8", "replace")
        return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in name)

    @property
    def origin(self) -> str:
        """The same with its folder."""
        return f"{self.source_id}/{self.plain}" if self.source_id else self.plain


@contextmanager
def alone(folder: Path) -> Iterator[int | None]:
    """The open folder, or None while another process takes from it. The lock goes with its process. Raises
    OSError for what is no folder."""
    top = os.open(folder, _FOLDER)
    try:
        try:
            fcntl.flock(top, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
            return
        yield top
    finally:
        os.close(top)


def standing(top: int, source_ids: Iterable[str], settle_seconds: float) -> list[Found]:
    """Files at the top and in the folders of these sources whose size and time do not change while it
    waits."""
    places = [None, *source_ids]
    first = [found for place in places for found in _names(top, place)]
    if not first:
        return []
    time.sleep(settle_seconds)
    still = {found for place in places for found in _names(top, place)}
    return [found for found in first if found in still]


def read(top: int, found: Found, most: int) -> bytes | None:
    """Its bytes; None if it changed since it was found. Raises InputError for what is no file of its own (a
    link, a device, a file with another name elsewhere), TooLarge beyond `most` bytes, of which no more are
    read."""
    allowed = "a file of its own"
    try:
        with _place(top, found.source_id) as at:
            file = os.open(found.name, _FILE, dir_fd=at)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise InputError("file", "a link", allowed) from None
        raise InputError("file", error.strerror or "not readable", "one that can be read") from None
    with os.fdopen(file, "rb") as opened:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
            linked = "a file that has another name as well" if status.st_nlink != 1 else "no file"
            raise InputError("file", linked, allowed)
        if status.st_size > most:
            raise TooLarge("file", f"{status.st_size} bytes", f"at most {most} bytes")
        body = opened.read(most + 1)
        return body if _seen(os.fstat(file)) == found.seen else None


def move(top: int, found: Found, place: str, at: datetime, reason: str | None = None) -> None:
    """Put a file into done/ or quarantined/ under a name of its own, the reason in a file beside it."""
    with suppress(FileExistsError):
        os.mkdir(place, 0o750, dir_fd=top)
    # the inode: two files of one name may come in one moment; of a long name the end is kept, which says its
    # kind
    parts = [f"{at:%Y%m%dT%H%M%SZ}", str(found.seen[0]), found.source_id or "", found.name]
    end = os.fsdecode(os.fsencode(parts[3])[-_LONGEST_NAME:])
    name = "-".join([*filter(None, parts[:3]), end])
    with _place(top, found.source_id) as source, _place(top, place) as target:
        if reason is not None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with os.fdopen(os.open(f"{name}.reason.txt", flags, 0o640, dir_fd=target), "wb") as file:
                file.write(reason.encode("utf-8", "replace") + b"\n")
        os.rename(found.name, name, src_dir_fd=source, dst_dir_fd=target)


@contextmanager
def _place(top: int, name: str | None) -> Iterator[int]:
    """A folder below the top, or the top itself; never through a link."""
    at = os.open(name or ".", _FOLDER | os.O_NOFOLLOW, dir_fd=top)
    try:
        yield at
    finally:
        os.close(at)


def _names(top: int, source_id: str | None) -> Iterator[Found]:
    try:
        with _place(top, source_id) as at:
            for name in sorted(os.listdir(at)):
                if name.startswith(".") or name.lower().endswith(_UNFINISHED):
                    continue
                try:
                    status = os.stat(name, dir_fd=at, follow_symlinks=False)
                except FileNotFoundError:  # taken away meanwhile
                    continue
                if not stat.S_ISDIR(status.st_mode):
                    yield Found(name=name, source_id=source_id, seen=_seen(status))
    except (FileNotFoundError, NotADirectoryError):  # a source need not have a folder; a link is none
        return


def _seen(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_ino, status.st_size, status.st_mtime_ns
