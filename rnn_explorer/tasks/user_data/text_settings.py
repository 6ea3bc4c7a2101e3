"""The settings of the task on the user's text, and the text itself."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from rnn_explorer.settings import setting
from rnn_explorer.tasks import files
from rnn_explorer.tasks.base import TaskSettings
from rnn_explorer.tasks.names import LANGUAGES
from rnn_explorer.tasks.user_data.splits import refused, uploaded
from rnn_explorer.tasks.user_data.text_file import Text

SHORTEST, LONGEST = 8, 200  # characters of a sequence


@dataclass(frozen=True)
class OwnTextSettings(TaskSettings):
    """Which text, and what is asked of it."""

    data: str = setting(
        "", longest=64, label="Uploaded data",
        help="The name under which an upload is kept on this server; empty for the example, lines of a language, a "
        "tab and a surname.",
    )  # fmt: skip
    kind: str = setting(
        "characters", choices=("characters", "labels"), label="Question",
        help="characters: the next character of the text. labels: the label of a line, where every line is a label, "
        "a tab and a text.",
    )  # fmt: skip
    seq_len: int = setting(
        48, low=SHORTEST, high=LONGEST, unit="characters", log=True, label="Sequence length",
        help="Characters in a sequence. A labeled text that is longer is cut off there.",
    )  # fmt: skip

    @property
    def does(self) -> str:
        if self.kind == "characters":
            text = "a text of yours" if self.data else "a list of surnames"
            return f"reads {text} one character per time step and each time names the next"
        line, label = ("a line", "label") if self.data else ("a surname", "language")
        return f"reads {line} one character per time step, then names its {label}"

    @property
    def private(self) -> bool:
        return bool(self.data)


@functools.lru_cache(maxsize=1)
def example() -> Text:
    """Lines of a language, a tab and a surname, in an order drawn once and for all."""
    table = files.columns("surnames")
    order = np.random.default_rng(0).permutation(len(table["name"])).tolist()
    lines = (f"{LANGUAGES[table['language'][n]]}\t{table['name'][n]}\n" for n in order)
    return Text("surnames", "".join(lines), "labels")


def text_of(token: str) -> Text:
    """The uploaded text, or the example where the token is "".

    Raises:
        SettingError: where it is gone, or is a table.
    """
    if not token:
        return example()
    found = uploaded(token)
    if not isinstance(found, Text):
        raise refused("data", token, "The upload is a table, not a text; choose the task for your own series.")
    return found
