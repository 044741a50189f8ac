"""Style, script, icon and plotly, from this package and from plotly's wheel: nothing comes from elsewhere.

The address of each holds a hash of its content, so browsers may keep it for good.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import plotly
from starlette.requests import Request
from starlette.responses import Response

from service.refusals import NotKnown

_HERE = Path(__file__).parent / "static"
_FILES: Mapping[str, tuple[Path, str]] = {
    "page.css": (_HERE / "page.css", "text/css; charset=utf-8"),
    "chart.js": (_HERE / "chart.js", "text/javascript; charset=utf-8"),
    "icon.svg": (_HERE / "icon.svg", "image/svg+xml"),
    "plotly.js": (
        Path(plotly.__file__).parent / "package_data" / "plotly.min.js",
        "text/javascript; charset=utf-8",
    ),
}
_FOR_GOOD = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One file, plain and packed."""

    content: bytes
    packed: bytes
    media_type: str
    mark: str


@cache
def asset(name: str) -> Asset:
    """A file by its plain name. Raises NotKnown."""
    if name not in _FILES:
        raise NotKnown("file", name, "one of " + ", ".join(_FILES))
    path, media_type = _FILES[name]
    content = path.read_bytes()
    return Asset(
        content=content,
        packed=gzip.compress(content, compresslevel=6, mtime=0),
        media_type=media_type,
        mark=hashlib.sha256(content).hexdigest()[:12],
    )


def address(name: str) -> str:
    """Where a page finds the file."""
    return f"/static/{asset(name).mark}/{name}"


def serve(request: Request) -> Response:
    """Answers /static/{mark}/{name}. An old mark gets the newest content, but may not keep it."""
    found = asset(request.path_params["name"])
    current = request.path_params["mark"] == found.mark
    headers = {"Cache-Control": _FOR_GOOD if current else "no-cache", "Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        return Response(found.packed, media_type=found.media_type, headers=headers)
    return Response(found.content, media_type=found.media_type, headers=headers)
