"""What an archive says of itself, checked before any of it is unpacked."""

from __future__ import annotations

import io
import zipfile
import zlib

from data.sources.rows import Limits
from forecast.errors import InputError

MAGIC = b"PK\x03\x04"
#: Most members, most bytes unpacked, and most times the packed size (a sheet of one price repeated packs 100
#: times).
MEMBERS, UNPACKED, RATIO = 200, 64_000_000, 250


def members(body: bytes) -> list[zipfile.ZipInfo]:
    """Members of an archive that is fit to be unpacked. Raises InputError for half an archive, and for one of
    too many members or too many bytes."""
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            found = archive.infolist()
    except (zipfile.BadZipFile, RuntimeError, ValueError) as error:
        raise InputError("file", f"half an archive, or none ({error})", "a whole one") from error
    if len(found) > MEMBERS:
        raise InputError("file", f"an archive of {len(found)} members", f"at most {MEMBERS}")
    unpacked, packed = sum(m.file_size for m in found), sum(m.compress_size for m in found)
    if unpacked > min(UNPACKED, max(RATIO * packed, 1_000_000)):
        said = f"{packed} bytes that unpack to {unpacked}"
        raise InputError("file", said, f"at most {UNPACKED} bytes, and at most {RATIO} times the packed size")
    return found


def only_member(body: bytes, limits: Limits) -> bytes:
    """The one file of an archive. Raises InputError for several, and for one over the limit."""
    found = [m for m in members(body) if not m.is_dir()]
    if len(found) != 1:
        raise InputError("file", f"an archive of {len(found)} files", "an archive of one file")
    if found[0].file_size > limits.max_bytes:
        raise InputError("file", f"{found[0].file_size} bytes unpacked", f"at most {limits.max_bytes} bytes")
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            return archive.read(found[0])
    except (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError, OSError, ValueError) as error:
        raise InputError("file", f"an archive that does not unpack ({error})", "a whole one") from error
