"""The engine: where runs live, apart from any page.

`base` holds the types that a page and an engine share, `local` the engine of worker processes on this machine, and
`worker` the program that such a process runs. Nothing is imported here, so that a worker can be connected to its
engine before it takes the time to import torch.
"""
