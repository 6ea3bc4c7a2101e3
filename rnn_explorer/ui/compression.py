"""Text as it is sent: compressed once for all who ask for it."""

from __future__ import annotations

import gzip
from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.responses import Response

FOREVER = "public, max-age=31536000, immutable"  # for an address that is another one when its content is


def compressed(content: bytes) -> bytes:
    """The same as gzip, as small as it gets."""
    return gzip.compress(content, compresslevel=9, mtime=0)


def takes_gzip(headers: Headers) -> bool:
    """Whether who sent these headers reads gzip."""
    for offer in headers.get("accept-encoding", "").lower().split(","):
        name, _, weight = offer.replace(" ", "").partition(";q=")
        if name == "gzip":
            return weight.strip("0.") != "" or not weight
    return False


def answer(headers: Headers, plain: bytes, smaller: bytes, media_type: str, about: Mapping[str, str]) -> Response:
    """A text to who sent these headers.

    Args:
        headers: of the request.
        plain, smaller: the text, and as `compressed` gave it.
        media_type: "text/css", ...
        about: headers of the answer.
    """
    more = {**about, "vary": "accept-encoding"}
    if takes_gzip(headers):
        return Response(smaller, media_type=media_type, headers={**more, "content-encoding": "gzip"})
    return Response(plain, media_type=media_type, headers=more)
