"""The user's own text: the next character of it, or the label of each line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from rnn_explorer.tasks import files
from rnn_explorer.tasks.base import PROBES, TASKS, Metric, Source, Task, TaskSettings
from rnn_explorer.tasks.user_data.splits import OwnTask
from rnn_explorer.tasks.user_data.text_characters import TextCharacters
from rnn_explorer.tasks.user_data.text_file import Text
from rnn_explorer.tasks.user_data.text_labels import TextLabels
from rnn_explorer.tasks.user_data.text_settings import SHORTEST, OwnTextSettings


@TASKS.register("own_text")
class OwnText(OwnTask):
    """The user's text: which character comes next, or which label has this line?

    Characters. Inputs: (batch, seq_len) symbols, a stretch of the text. Targets: (batch, seq_len) symbols, the same one
    character later; every step counts. The text is cut into a training, a validation and a test part, which follow each
    other; the test part is the last 20 %. Validation and test show at most 256 stretches, evenly spaced.

    Labels. Inputs: (batch, time) symbols, padded with 0 at the end, with the length of each text. Targets: (batch,) the
    label. A line that comes twice counts once; the labels are shared out to the parts by their shares.

    Either way the characters are those of the training part, at most 100; all others are one symbol.
    Without an upload the data are lines of a language, a tab and a surname.
    """

    key = "own_text"
    title = "Your own text"
    order = 920
    summary = "Bring a text: learn to write like it, or to tell the label of each of its lines."
    teaches = "What a recurrent network can make of your text, against a predictor that knows one character."
    reading_guide = (
        "Each time step shows the network one character. For a model of the characters, its answer is a probability "
        "for each character that may come next: first it learns which are frequent, then pairs, endings and short "
        "words. The line on the loss curve knows the present character alone; the loss is in nats a character, and e "
        "to its power is the number of equally likely characters that would be as hard to guess. For labeled lines, "
        "the probabilities after each character say what it would answer if the line ended there, and the line on "
        "the loss curve knows the last character alone. A short text is soon learned by heart: watch the two loss "
        "curves part."
    )
    source = Source(
        citation=f"your own file; the example: {files.source('surnames').citation}",
        license=f"yours, and it stays with you; the example: {files.source('surnames').license}",
        url=files.source("surnames").url,
    )
    settings_class = OwnTextSettings
    metric = Metric("accuracy")
    symbols = True
    autoregressive = True
    defaults: ClassVar[Mapping[str, Any]] = {
        "cell": "lstm", "hidden_size": 64, "embedding": 16, "learning_rate": 5e-3, "batch_size": 32, "steps": 1000,
    }  # fmt: skip
    settings: OwnTextSettings

    @classmethod
    def is_autoregressive(cls, settings: TaskSettings) -> bool:
        return isinstance(settings, OwnTextSettings) and settings.kind == "characters"

    def chosen(self) -> Task:
        kind = TextCharacters if self.settings.kind == "characters" else TextLabels
        return kind(self.settings, self.seed, self.val_split)


def suggested(text: Text, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that suit a text, for those that the user has not chosen.

    Args:
        text: the data.
        wanted: settings of the task that have been chosen, by name.

    Returns:
        More of them: the question that the lines look like, and sequences that are short enough.
    """
    found: dict[str, Any] = {} if "kind" in wanted else {"kind": text.kind}
    fits = len(text.content) // 3 - PROBES
    if "seq_len" not in wanted and SHORTEST <= fits < OwnTextSettings.spec("seq_len").default:
        found["seq_len"] = fits
    return found
