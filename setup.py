"""What pyproject.toml cannot say: the pages stand beside the package and are installed within it."""

import shutil
from pathlib import Path

from setuptools import find_packages, setup

# setuptools would install what an earlier build left there, modules that were since removed included.
shutil.rmtree(Path(__file__).parent / "build" / "lib", ignore_errors=True)
setup(
    packages=[*find_packages(include=["rnn_explorer", "rnn_explorer.*"]), "rnn_explorer.pages"],
    package_dir={"rnn_explorer.pages": "pages"},
)
