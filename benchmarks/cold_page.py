"""What a browser with an empty cache loads until a page of the app stands, in bytes as they are sent.

No browser is asked. The page names its scripts, its styles and its font; for each kind of element, Streamlit's main
script names the modules that draw it. The live figures name Plotly's script and modules of their own. The rest comes
over the two connections. A Chromium that opened the lab fetched the same files; what it counted beside them were the
headers of its requests' answers, half a kilobyte each.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from benchmarks.streamlit_page import Page, fetch

LINE = 2e6  # bits a second of a poor line
_ENCODINGS = "gzip, deflate, br, zstd"
_LINKED = re.compile(r'(?:src|href)="(?:\./|/)?((?:static/|favicon)[^"]+)"')
_MODULES = re.compile(r"m\.f=\[([^\]]*)\]")


async def size(page: Page, figures: Mapping[str, Any], first_frame: int) -> dict[str, int]:
    """Bytes by what they are: "page", "scripts", "styles", "fonts", "figures' scripts", "connections".

    Args:
        page: that has just been opened.
        figures: what the page's script gave to the component of the live figures.
        first_frame: bytes of the first frame of the live figures.
    """
    address = page.address
    html = (await fetch(f"{address}/", page.cookies, "text/html")).decode()
    linked = _LINKED.findall(html)
    main = next(name for name in linked if re.search(r"js/index\.[^/]*\.js", name))
    script = (await fetch(f"{address}/{main}", page.cookies)).decode()
    styles = {name for name in linked if name.endswith(".css")}
    fonts = {name for name in linked if name.endswith("woff2")}
    scripts = {name for name in linked if name.endswith(".js")} | drawing(script, page.kinds)
    own = [f"explorer/plotly.min.js?v={figures['plotly']}"]
    if "modules" in figures:
        own += [f"{figures['modules'].lstrip('/')}/{name}" for name in figures["names"]]

    async def sent(names: Iterable[str]) -> int:
        return sum(
            [len(await fetch(f"{address}/{name}", page.cookies, encodings=_ENCODINGS)) for name in sorted(names)]
        )

    return {
        "page": await sent(["", *(name for name in linked if name.startswith("favicon"))]),
        "scripts": await sent(scripts),
        "styles": await sent(styles),
        "fonts": await sent(fonts),
        "figures' scripts": await sent(own),
        "connections": page.received + first_frame,
    }


def drawing(script: str, kinds: Iterable[str]) -> set[str]:
    """The modules that Streamlit's main script loads to draw elements of these kinds.

    It holds a list of all modules, and for each one that is loaded later `import("./Kind.hash.js")` with the places in
    that list of the modules that it needs.
    """
    found = _MODULES.search(script)
    if found is None:
        raise ValueError("Streamlit's main script is not as it was: its list of modules was not found")
    names = [name.strip("\"'`") for name in found[1].split(",")]
    needed: set[str] = set()
    for kind in kinds:
        title = "".join(part.capitalize() for part in kind.split("_"))
        for later in re.finditer(
            rf"import\([`\"']\./({title}\.[\w-]+\.js)[`\"']\),__vite__mapDeps\(\[([\d,]*)\]", script
        ):
            needed |= {later[1], *(names[int(place)] for place in later[2].split(",") if place)}
    return {f"static/{'css' if name.endswith('.css') else 'js'}/{name.rpartition('/')[2]}" for name in needed}
