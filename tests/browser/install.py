"""Make sure that a Chromium is there for the browser tests: `python -m tests.browser.install`.

Looked for, in this order: the one named by CHROMIUM, one on the PATH, one that Playwright downloaded. Where there is
none it is installed: from the system's packages where this process may do so, else by Playwright. The tests never
skip: where no browser can be had this command fails and says why.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def find() -> str | None:
    """The path of a Chromium, or None."""
    named = os.environ.get("CHROMIUM")
    if named:
        return named if Path(named).exists() else None
    for name in NAMES:
        path = shutil.which(name)
        if path:
            return path
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def install() -> None:
    """Try the ways there are, in turn, until one works."""
    ways = []
    if shutil.which("apt-get") and hasattr(os, "geteuid") and os.geteuid() == 0:
        ways += [["apt-get", "update"], ["apt-get", "install", "-y", "chromium"]]
    ways.append([sys.executable, "-m", "playwright", "install", "chromium"])
    for way in ways:
        print("$", " ".join(way), flush=True)
        subprocess.run(way, check=False)
        if find():
            return


def main() -> int:
    if not find():
        install()
    path = find()
    if not path:
        print(
            "No Chromium was found and none could be installed. Install one with your system's packages "
            "(Debian: apt-get install chromium), or set CHROMIUM to its path.",
            file=sys.stderr,
        )
        return 1
    print(f"Browser for the tests: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
