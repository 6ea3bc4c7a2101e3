"""Make sure that node and TypeScript's checker are there for the page's modules: `python -m tests.js.install`.

node is taken from the PATH; where it is missing it is installed from the system's packages, where this process may do
so. TypeScript comes by npm in the version that package.json pins. Nothing is skipped: where they cannot be had this
command fails and says why.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OLDEST = 20


def node_version() -> int:
    """The main version of node; 0 where there is none."""
    if not shutil.which("node"):
        return 0
    said = subprocess.run(["node", "--version"], capture_output=True, text=True).stdout
    found = re.match(r"v(\d+)", said)
    return int(found[1]) if found else 0


def install_node() -> None:
    """By the system's packages, where that is allowed."""
    if not (shutil.which("apt-get") and hasattr(os, "geteuid") and os.geteuid() == 0):
        return
    for way in (["apt-get", "update"], ["apt-get", "install", "-y", "nodejs", "npm"]):
        print("$", " ".join(way), flush=True)
        subprocess.run(way, check=False)


def wanted_typescript() -> str:
    """The pinned version."""
    return json.loads((ROOT / "package.json").read_text())["devDependencies"]["typescript"]


def typescript() -> str:
    """The installed version; "" where there is none."""
    about = ROOT / "node_modules" / "typescript" / "package.json"
    return json.loads(about.read_text())["version"] if about.exists() else ""


def main() -> int:
    if node_version() < OLDEST:
        install_node()
    if node_version() < OLDEST:
        print(
            f"The page's modules are tested with node {OLDEST} or newer, and none was found or could be installed. "
            "Install one with your system's packages (Debian: apt-get install nodejs npm).",
            file=sys.stderr,
        )
        return 1
    if typescript() != wanted_typescript():
        if not shutil.which("npm"):
            print("TypeScript is installed by npm, which was not found. Install npm.", file=sys.stderr)
            return 1
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=ROOT, check=False)
    if typescript() != wanted_typescript():
        print(f"TypeScript {wanted_typescript()} could not be installed by npm.", file=sys.stderr)
        return 1
    print(f"node {node_version()}, TypeScript {typescript()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
