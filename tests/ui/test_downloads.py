"""Downloads of figures."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from rnn_explorer.ui import downloads, session


def test_a_download_of_an_unknown_run_is_not_found() -> None:
    class Request:
        path_params = {"run_id": "nosuch", "name": "curves", "form": "csv"}
        query_params: dict[str, str] = {}

    try:
        # In a thread of its own: a browser of other tests may have left a loop running in this one.
        with ThreadPoolExecutor(1) as thread:
            answer = thread.submit(lambda: asyncio.run(downloads.download(Request()))).result()  # type: ignore[arg-type]
        assert answer.status_code == 404
    finally:
        session.close_engine()
