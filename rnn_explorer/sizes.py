"""How many numbers a model has and what its layers give out, by closed forms from the facts of its cell: no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rnn_explorer.cells import CELLS
from rnn_explorer.tasks.base import PROBES, InputSpec, OutputSpec, Task
from rnn_explorer.work import Work

if TYPE_CHECKING:
    from rnn_explorer.experiment import Experiment, ModelSettings


@dataclass(frozen=True)
class LayerSummary:
    """One row of the layer summary.

    Attributes:
        layer: what it is ("rnn (relu)", "dense (relu)").
        output_shape: of one batch, with "batch" for the batch axis.
        parameters: as torch counts them, two bias vectors a recurrent gate.
        keras_parameters: as Keras counts them: one bias vector for RNN and LSTM, two for the GRU.
    """

    layer: str
    output_shape: str
    parameters: int
    keras_parameters: int


def layer_summary(
    settings: ModelSettings, input_spec: InputSpec, output_spec: OutputSpec, time: int
) -> tuple[LayerSummary, ...]:
    """The layers of a model with their output shapes and trainable numbers.

    Args:
        settings: cell and sizes.
        input_spec, output_spec: what enters at a step, and what is asked for.
        time: steps of a sequence.
    """
    rows: list[LayerSummary] = []

    def add(name: str, shape: str, count: int, keras: int | None = None) -> None:
        rows.append(LayerSummary(name, shape, count, count if keras is None else keras))

    width = input_spec.size
    add("input", f"(batch, {time}, {width})", 0)
    if input_spec.kind == "symbols" and settings.embedding:
        add("embedding", f"(batch, {time}, {settings.embedding})", width * settings.embedding)
        width = settings.embedding
    cell, directions = CELLS.get(settings.cell), 2 if settings.bidirectional else 1
    name = settings.cell + (f" ({settings.nonlinearity})" if "nonlinearity" in cell.setting_names else "")
    name += ", both directions" if settings.bidirectional else ""
    for number in range(settings.num_layers):
        count = directions * cell.parameter_count(width, settings.hidden_size)
        keras = directions * cell.keras_parameter_count(width, settings.hidden_size)
        width = directions * settings.hidden_size
        whole = number + 1 < settings.num_layers or output_spec.per_step
        add(name, f"(batch, {time}, {width})" if whole else f"(batch, {width})", count, keras)
    lead = f"(batch, {time}, " if output_spec.per_step else "(batch, "
    for units in settings.dense:
        add(f"dense ({settings.dense_activation})", f"{lead}{units})", (width + 1) * units)
        width = units
    add("softmax" if output_spec.classes else "output", f"{lead}{output_spec.size})", (width + 1) * output_spec.size)
    return tuple(rows)


def parameter_count(experiment: Experiment, task: Task) -> int:
    """Trainable numbers as torch counts them."""
    return sum(row.parameters for row in layer_summary(experiment.model, task.input, task.output, task.longest))


def parameter_shapes(experiment: Experiment, task: Task) -> dict[str, tuple[int, ...]]:
    """The shapes of a model's weights and biases by name, in the order in which the model has them."""
    model, found = experiment.model, dict[str, tuple[int, ...]]()
    width = task.input.size
    if task.input.kind == "symbols" and model.embedding:
        found["embedding.weight"] = (width, model.embedding)
        width = model.embedding
    cell = CELLS.get(model.cell)
    directions = ("forwards", "backwards") if model.bidirectional else ("forwards",)
    for number in range(model.num_layers):
        shapes = cell.parameter_shapes(width, model.hidden_size)
        found |= {f"layers.{number}.{way}.{name}": shape for way in directions for name, shape in shapes.items()}
        width = len(directions) * model.hidden_size
    linears = [*((f"dense.{number}", units) for number, units in enumerate(model.dense)), ("head", task.output.size)]
    for name, units in linears:
        found |= {f"{name}.weight": (units, width), f"{name}.bias": (units,)}
        width = units
    return found


def work_of(experiment: Experiment, task: Task) -> Work:
    """What it costs to train, measure and show the model of an experiment."""
    # A bidirectional model that answers at the end reads each prefix anew for its picture, see `SequenceModel.trace`.
    prefixes = experiment.model.bidirectional and not task.output.per_step
    return Work(
        parameter_count(experiment, task),
        experiment.training.batch_size,
        task.longest,
        max(len(task.evaluation("validation")), len(task.evaluation("test"))),
        PROBES * (task.longest if prefixes else 1),
    )
