"""The runs that outlive a server: one SQLite file, and their states as files beside it.

`store.py` is what others use; `writer.py` has the one thread that writes, `schema.py` the tables and their versions,
`folder.py` who owns the folder, `records.py` what is kept of a run.
"""
