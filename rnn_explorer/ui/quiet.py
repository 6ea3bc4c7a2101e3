"""A log that one client cannot fill: of each kind of line, one a minute.

For each invalid request, and for each value that no control of ours has, the libraries write a line, often with a
traceback.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable

EVERY = 60.0  # seconds from one line of a kind to the next
KINDS = 256  # that are remembered
NOISY = ("uvicorn", "streamlit", "websockets", "asyncio", "rnn_explorer.ui")  # and all loggers below them


class OncePerMinute(logging.Filter):
    """Lets one line of a kind pass in a minute; the next one says how many were left out.

    Lines are of one kind when the same place in the program wrote them about an exception from the same place.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._seen: OrderedDict[tuple[object, ...], tuple[float, int]] = OrderedDict()  # when, and how many since

    def filter(self, record: logging.LogRecord) -> bool:
        kind, now = _kind(record), self._clock()
        when, left_out = self._seen.get(kind, (-EVERY, 0))
        if now - when < EVERY:
            self._seen[kind] = (when, left_out + 1)
            return False
        self._seen[kind] = (now, 0)
        self._seen.move_to_end(kind)
        while len(self._seen) > KINDS:
            self._seen.popitem(last=False)
        if left_out:
            record.msg, record.args = f"{record.getMessage()} ({left_out} more like this were left out)", ()
        return True


def _kind(record: logging.LogRecord) -> tuple[object, ...]:
    error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
    trace = error.__traceback__ if error is not None else None
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    raised = (trace.tb_frame.f_code.co_filename, trace.tb_lineno) if trace is not None else ()
    return (record.name, record.pathname, record.lineno, type(error), raised)


_one_for_all = OncePerMinute()


def quieten() -> None:
    """Filter what the libraries of the server write, as far as they are loaded."""
    for name in list(logging.root.manager.loggerDict):
        if name.startswith(NOISY):
            logging.getLogger(name).addFilter(_one_for_all)
