"""A whole run in one file (`.rnnx`): a zip archive of JSON and safetensors; docs/run_file.md has its layout.

`writing.py` makes one, `reading.py` reads one whole or not at all; `archive.py` has what is checked of any zip archive,
`about.py` what is said of the run, `parts.py` its curves, states and data.
"""
