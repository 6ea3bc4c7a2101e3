"""What pyproject.toml cannot say: the pages stand beside the package and are installed within it."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["rnn_explorer", "rnn_explorer.*"]), "rnn_explorer.pages"],
    package_dir={"rnn_explorer.pages": "pages"},
)
