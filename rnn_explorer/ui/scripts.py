"""The page's scripts: Plotly's own and our modules, sent compressed, cached for as long as their version holds."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
from pathlib import Path

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from rnn_explorer.ui.compression import FOREVER, answer, compressed

_FOLDER = Path(__file__).parent / "live_figures"
LOADER = "loader.js"  # Streamlit sends it; it imports the others
STYLES = tuple(sorted(_FOLDER.glob("*.css")))  # stand in the page


@functools.cache
def modules() -> dict[str, bytes]:
    """The JavaScript modules by name; they import each other by relative addresses only."""
    return {path.name: path.read_bytes() for path in sorted(_FOLDER.glob("*.js")) if path.name != LOADER}


@functools.cache
def digest() -> str:
    """Another one for other modules: part of their address, so that a cached copy is never an old one."""
    text = b"\0".join(name.encode() + b"\0" + source for name, source in modules().items())
    return hashlib.sha256(text).hexdigest()[:16]


def module(request: Request) -> Response:
    """GET /explorer/modules/{digest}/{name}: one module of the live figures."""
    name = request.path_params["name"]
    if request.path_params["digest"] != digest() or name not in modules():
        return PlainTextResponse("There is no such script. Reload the page.", status_code=404)
    return _script(request, modules()[name], _compressed(name))


@functools.cache
def plotly_script() -> bytes:
    """`plotly.min.js` as the installed plotly package carries it."""
    found = importlib.util.find_spec("plotly")
    assert found is not None and found.origin is not None
    return (Path(found.origin).parent / "package_data" / "plotly.min.js").read_bytes()


def plotly(request: Request) -> Response:
    """GET /explorer/plotly.min.js?v=VERSION: a cached copy can live long, and an upgrade is seen at once."""
    return _script(request, plotly_script(), _plotly_compressed())


@functools.cache
def _compressed(name: str) -> bytes:
    return compressed(modules()[name])


@functools.cache
def _plotly_compressed() -> bytes:
    return compressed(plotly_script())


def _script(request: Request, plain: bytes, smaller: bytes) -> Response:
    return answer(request.headers, plain, smaller, "text/javascript", {"cache-control": FOREVER})
