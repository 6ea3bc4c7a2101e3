"""How much a model computes, and the limit up to which it can be trained live.

The unit is one parameter x one sequence x one time step of training, forwards and back: 0.8e-10 to 1e-10 s of one core
for LSTMs of 256 units at a batch of 32, twice that at a batch of 1, where the processor waits for the weights. Reading
alone takes 0.1 to 0.35 of it. Small models cost more a unit, for what surrounds the arithmetic, and stay far below the
limit.
"""

from __future__ import annotations

from dataclasses import dataclass

from rnn_explorer.errors import UserError

# About one second of one core: nothing that a worker does in one piece may take longer, for its other runs wait.
MAX_WORK = 10_000_000_000
# A measurement is made in slices, so that only the run itself waits: about ten seconds at the end of an epoch.
MAX_MEASUREMENT = 10 * MAX_WORK
FORWARD = 0.2  # of a unit: the same without the way back
PER_PARAMETER = 600  # units to draw a parameter at random, or to store it with its optimizer
SLICE = 1_000_000_000  # units of a measurement that are made at once: about a tenth of a second
LEAST, MOST = 16, 512  # sequences that are measured at once; with fewer than `LEAST` the processor waits for weights


class ModelTooLarge(UserError):
    """A model whose steps would take far too long; the message says what to make smaller."""


@dataclass(frozen=True)
class Work:
    """What a model costs.

    Args:
        parameters: trainable numbers.
        batch_size: sequences in one optimizer step.
        time: steps of the longest sequence.
        measured: sequences in the larger of validation set and test set.
        pictured: sequences that the model reads for one picture of its inside, each prefix that is read anew counted.
    """

    parameters: int
    batch_size: int
    time: int
    measured: int
    pictured: int

    @property
    def step(self) -> float:
        """Units of one optimizer step."""
        return float(self.parameters * self.batch_size * self.time)

    @property
    def measurement(self) -> float:
        """Units of measuring the larger of validation set and test set."""
        return FORWARD * self.parameters * self.measured * self.time

    @property
    def picture(self) -> float:
        """Units of one picture of the inside."""
        return FORWARD * self.parameters * self.pictured * self.time

    @property
    def build(self) -> float:
        """Units of drawing the initial weights, and of storing a state."""
        return float(PER_PARAMETER * self.parameters)

    def check(self) -> None:
        """See that the model can be trained live.

        Raises:
            ModelTooLarge: otherwise; the message says what takes too long, and what to make smaller.
        """
        size = f"{self.parameters:,} parameters"
        if self.step > MAX_WORK:
            product, smaller = f"{size} x {self.batch_size} sequences x {self.time} time steps", ", dense or batch_size"
            raise _too_large(product, self.step, MAX_WORK, smaller)
        if self.picture > MAX_WORK:
            prefixes = f"{self.pictured:,} prefixes x {self.time} time steps"
            product = f"a picture of its inside, {size} x {prefixes} x {FORWARD:g},"
            raise _too_large(product, self.picture, MAX_WORK, " or dense", " or the sequences shorter, or read one way")
        if self.measurement > MAX_MEASUREMENT:
            product = f"measuring it, {size} x {self.measured:,} sequences x {self.time} time steps x {FORWARD:g},"
            raise _too_large(product, self.measurement, MAX_MEASUREMENT, " or dense", " or the sequences shorter")
        if self.build > MAX_WORK:
            raise _too_large(f"drawing its weights, {size} x {PER_PARAMETER},", self.build, MAX_WORK, " or dense")


def measured_at_once(parameters: int, time: int) -> int:
    """Sequences that are measured at once: about `SLICE` units, the same for the same model wherever it runs."""
    return int(min(max(SLICE / (FORWARD * max(parameters * time, 1)), LEAST), MOST))


def _too_large(product: str, work: float, limit: float, smaller: str, otherwise: str = "") -> ModelTooLarge:
    return ModelTooLarge(
        f"This model is too large to train live: {product} is {work:.2g}, and the limit is {limit:.0g}. "
        f"Make hidden_size, num_layers{smaller} smaller{otherwise}."
    )
