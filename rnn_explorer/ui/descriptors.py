"""How many files and connections the server may have open, and how many visitors that is enough for."""

from __future__ import annotations

import logging

try:
    import resource
except ImportError:  # not there on Windows, which has no such limit
    resource = None  # type: ignore[assignment]

ENOUGH = 65_536
OF_MACOS = 10_240  # the most that macOS grants, whatever the hard limit says
LOW = 2_048  # below which the log says what the limit means
_OWN = 60  # what the server itself keeps open: libraries, workers, its log
# A visitor's page holds its own connection, the event stream, and three for Streamlit's session; these three stay for
# two minutes when it is left or loaded again; and a browser that loads a page opens some more for a moment.
_EACH = 9

_log = logging.getLogger(__name__)


def raise_limit() -> int | None:
    """Raise this process's limit of open files as far as it may; returns it, None where there is none.

    A low limit is told in the log with the number of visitors that it is enough for.
    """
    if resource is None:
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    most = ENOUGH if hard == unlimited else min(hard, ENOUGH)
    for wanted in (most, min(most, OF_MACOS)):
        if soft == unlimited or soft >= wanted:
            break
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (ValueError, OSError):
            continue
        soft = wanted
    if soft == unlimited:
        return None
    if soft < LOW:
        _log.warning(
            "Only %d files may be open at a time, which is enough for about %d visitors. For more, raise the limit "
            "before the server starts, for example with `ulimit -n %d`.",
            soft,
            visitors(soft),
            ENOUGH,
        )
    return soft


def visitors(limit: int) -> int:
    """How many visitors at a time a limit of open files is enough for."""
    return max(0, (limit - _OWN) // _EACH)
