"""The log, which one client cannot fill."""

from __future__ import annotations

import logging

from rnn_explorer.ui import quiet
from rnn_explorer.ui.quiet import OncePerMinute


def fail(message: str) -> None:
    raise ValueError(message)


class Log:
    """A logger whose lines are kept, behind the filter, with a clock of its own."""

    def __init__(self) -> None:
        self.now, self.lines = 0.0, []  # type: ignore[var-annotated]
        self.logger = logging.Logger("made")
        self.logger.addFilter(OncePerMinute(lambda: self.now))
        handler = logging.Handler()
        handler.emit = lambda record: self.lines.append(record.getMessage())  # type: ignore[method-assign]
        self.logger.addHandler(handler)

    def invalid(self, what: object = "") -> None:
        self.logger.warning("Invalid HTTP request received. %s", what)

    def failed(self, message: str) -> None:
        try:
            fail(message)
        except ValueError:
            self.logger.exception("Uncaught app execution")


def test_one_line_of_a_kind_a_minute_and_then_how_many_there_were() -> None:
    log = Log()
    for number in range(100):
        log.invalid(number)
    assert log.lines == ["Invalid HTTP request received. 0"]
    log.now = 61
    log.invalid("again")
    log.invalid()
    assert log.lines[1:] == ["Invalid HTTP request received. again (99 more like this were left out)"]


def test_other_lines_and_other_faults_are_not_held_back() -> None:
    log = Log()
    log.invalid()
    log.failed("one")
    log.failed("two, from the same place")
    try:
        raise KeyError("elsewhere")
    except KeyError:
        log.logger.exception("Uncaught app execution")
    log.logger.error("something else")
    assert len(log.lines) == 4


def test_what_is_remembered_is_bounded() -> None:
    only = OncePerMinute(lambda: 0.0)
    for line in range(10_000):
        assert only.filter(logging.LogRecord("made", logging.INFO, "file.py", line, "text", (), None))
    assert len(only._seen) <= quiet.KINDS


def test_the_servers_libraries_are_filtered_once() -> None:
    for name in ("uvicorn.error", "asyncio", "streamlit.error_util", "rnn_explorer.ui.access"):
        logging.getLogger(name)
    quiet.quieten()
    quiet.quieten()
    for name in ("uvicorn.error", "asyncio", "streamlit.error_util", "rnn_explorer.ui.access"):
        assert len([one for one in logging.getLogger(name).filters if isinstance(one, OncePerMinute)]) == 1
        logging.getLogger(name).removeFilter(quiet._one_for_all)
