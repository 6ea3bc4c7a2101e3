"""The network: [embedding] -> recurrent layers -> dense layers -> head.

`SequenceModel` trains on the cells' fast path; `SequenceModel.trace` shows every gate and state computed from the
same weights. Sequences of different lengths are padded at their end; a step beyond a sequence's length never
changes its answer, and its state is held there.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from rnn_explorer.cells.base import RecurrentCell, cell_class
from rnn_explorer.tasks.base import InputSpec, OutputSpec
from rnn_explorer.tensors import TensorBatch
from rnn_explorer.trace import Array, Direction, LayerTrace, Trace

if TYPE_CHECKING:
    from rnn_explorer.experiment import ModelSettings

_ACTIVATIONS = {"relu": torch.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid}


class RecurrentLayer(nn.Module):
    """One layer of units, read forwards, or forwards and backwards with the outputs joined.

    Args:
        settings: the cell and its sizes.
        input_size: numbers that enter at each step.
    """

    def __init__(self, settings: ModelSettings, input_size: int) -> None:
        super().__init__()
        kind = cell_class(settings.cell)
        self.forwards: RecurrentCell = kind.from_settings(settings, input_size)
        self.backwards: RecurrentCell | None = None
        if settings.bidirectional:
            self.backwards = kind.from_settings(settings, input_size)
        self.output_size = settings.hidden_size * (2 if settings.bidirectional else 1)

    def forward(self, x: Tensor, reverse: Tensor | None) -> Tensor:
        """Hidden states of all steps, (batch, time, output_size); those beyond a sequence's end mean nothing.

        Args:
            x: (batch, time, input_size).
            reverse: (batch, time) long from `reversal`; only read by a bidirectional layer.
        """
        return self.read(x, reverse)[0]

    def read(self, x: Tensor, reverse: Tensor | None) -> tuple[Tensor, Tensor]:
        """What `forward` gives, and (batch, output_size): what each direction knows after all steps of full sequences.

        For a question at the end the latter is cheaper to learn from: taken out of all states, the last one would
        send back a gradient that is zero nearly everywhere.
        """
        states, (last, *_) = self.forwards(x)
        if self.backwards is None:
            return states, last
        assert reverse is not None
        back, (first, *_) = self.backwards(along_time(x, reverse))
        return torch.cat([states, along_time(back, reverse)], dim=-1), torch.cat([last, first], dim=-1)


class SequenceModel(nn.Module):
    """The network that an experiment describes.

    Args:
        settings: cell, sizes, initializer.
        input_spec: what enters at a step.
        output_spec: what is asked for.
        generator: where the initial weights come from; on the meta device none are drawn.
    """

    one_hot: Tensor

    def __init__(
        self, settings: ModelSettings, input_spec: InputSpec, output_spec: OutputSpec, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.settings, self.input_spec, self.output_spec = settings, input_spec, output_spec
        self.embedding: nn.Embedding | None = None
        width = input_spec.size
        if input_spec.kind == "symbols":
            if settings.embedding:
                self.embedding = nn.Embedding.from_pretrained(
                    torch.empty(input_spec.size, settings.embedding), freeze=False
                )
                width = settings.embedding
            else:
                one_hot = torch.zeros(input_spec.size, input_spec.size).fill_diagonal_(1.0)  # eye is slow on meta
                self.register_buffer("one_hot", one_hot, persistent=False)
        self.layers = nn.ModuleList()
        for _ in range(settings.num_layers):
            layer = RecurrentLayer(settings, width)
            self.layers.append(layer)
            width = layer.output_size
        self.dense = nn.ModuleList()
        for units in settings.dense:
            self.dense.append(_linear(width, units))
            width = units
        self.head = _linear(width, output_spec.size)
        self._activation = _ACTIVATIONS[settings.dense_activation]
        if not self.head.weight.is_meta:
            self._initialize(generator)

    def _initialize(self, generator: torch.Generator) -> None:
        init = self.settings.init
        for cell in self.cells():
            cell.initialize(init, generator)
        with torch.no_grad():
            for linear in self.linears():
                if init == "pytorch":
                    bound = 1 / math.sqrt(linear.in_features)
                    linear.weight.uniform_(-bound, bound, generator=generator)
                    linear.bias.uniform_(-bound, bound, generator=generator)
                else:
                    nn.init.xavier_uniform_(linear.weight, generator=generator)
                    linear.bias.zero_()
            if self.embedding is not None:
                if init == "pytorch":
                    self.embedding.weight.normal_(generator=generator)
                else:
                    self.embedding.weight.uniform_(-0.05, 0.05, generator=generator)

    def stack(self) -> list[RecurrentLayer]:
        """The recurrent layers, nearest the input first."""
        return cast(list[RecurrentLayer], list(self.layers))

    def cells(self) -> list[RecurrentCell]:
        """Every cell in the order of computation, a layer's backward cell after its forward one."""
        found: list[RecurrentCell] = []
        for layer in self.stack():
            found.append(layer.forwards)
            if layer.backwards is not None:
                found.append(layer.backwards)
        return found

    def linears(self) -> list[nn.Linear]:
        """The dense layers and the head."""
        return [*cast(list[nn.Linear], list(self.dense)), self.head]

    # -- the fast path ------------------------------------------------------------------------------------------

    def forward(self, inputs: Tensor, lengths: Tensor | None = None, dropout: torch.Generator | None = None) -> Tensor:
        """Logits of classes, or values.

        Args:
            inputs: (batch, time, feature) float or (batch, time) long.
            lengths: (batch,) real steps; None: all.
            dropout: where dropout's masks come from; None leaves dropout out, as in evaluation.

        Returns:
            (batch, output_size) for a question at the end, (batch, time, output_size) for one at every step.
        """
        return self.read_out(self.features(inputs, lengths, dropout))

    def features(self, inputs: Tensor, lengths: Tensor | None = None, dropout: torch.Generator | None = None) -> Tensor:
        """What the dense layers are given, (batch, features) or (batch, time, features); arguments as `forward`."""
        x, reverse = self.encode(inputs), self._reversal(inputs, lengths)
        for number, layer in enumerate(self.stack()):
            if number and dropout is not None and self.settings.dropout:
                x = self._drop(x, dropout)
            x, last = layer.read(x, reverse)
        if self.output_spec.per_step:
            return x
        return last if lengths is None else self.summary_state(x, lengths)

    def encode(self, inputs: Tensor) -> Tensor:
        """(batch, time, feature) numbers: values as they are, symbols embedded or one-hot."""
        if self.input_spec.kind == "values":
            return inputs
        return self.one_hot[inputs] if self.embedding is None else self.embedding(inputs)

    def summary_state(self, states: Tensor, lengths: Tensor | None) -> Tensor:
        """(batch, features): what the top layer knows after the whole sequence.

        The forward half is taken at each sequence's last real step; the backward half, which ends its reading at
        the first step, is taken there.
        """
        rows = torch.arange(states.shape[0], device=states.device)
        last = states[:, -1] if lengths is None else states[rows, lengths - 1]
        if not self.settings.bidirectional:
            return last
        hidden = self.settings.hidden_size
        return torch.cat([last[:, :hidden], states[:, 0, hidden:]], dim=-1)

    def read_out(self, x: Tensor) -> Tensor:
        """Dense layers and head, (..., features) -> (..., output_size)."""
        for dense in self.dense:
            x = self._activation(dense(x))
        return self.head(x)

    def _drop(self, x: Tensor, generator: torch.Generator) -> Tensor:
        keep = 1.0 - self.settings.dropout
        # Drawn on the CPU wherever x is, so that the same seed gives the same masks.
        mask = torch.empty(x.shape, dtype=x.dtype).bernoulli_(keep, generator=generator)
        return x * mask.to(x.device) / keep

    def _reversal(self, inputs: Tensor, lengths: Tensor | None) -> Tensor | None:
        if not self.settings.bidirectional:
            return None
        return reversal(inputs.shape[0], inputs.shape[1], lengths, inputs.device)

    # -- the inside ---------------------------------------------------------------------------------------------

    @torch.no_grad()
    def trace(self, batch: TensorBatch) -> Trace:
        """Every gate and state of every layer and direction, and the answer after every step, as numpy data."""
        inputs, lengths = batch.inputs, batch.lengths
        time = inputs.shape[1]
        reverse = self._reversal(inputs, lengths)
        held = None if lengths is None else torch.arange(time)[None, :].minimum(lengths[:, None] - 1)
        x, entries = self.encode(inputs), []
        for number, layer in enumerate(self.stack()):
            recorded = layer.forwards.trace(x)
            entries.append(_layer_trace(layer.forwards, number, "forward", recorded, held))
            outputs = [recorded["hidden"]]
            if layer.backwards is not None:
                assert reverse is not None
                recorded_back = layer.backwards.trace(along_time(x, reverse))
                back = {name: along_time(values, reverse) for name, values in recorded_back.items()}
                entries.append(_layer_trace(layer.backwards, number, "backward", back, held))
                outputs.append(back["hidden"])
            x = torch.cat(outputs, dim=-1)
        answers = self._answers(batch, x)
        return Trace(
            inputs=inputs.numpy().copy(),
            targets=batch.targets.numpy().copy(),
            lengths=(torch.full((len(batch),), time) if lengths is None else lengths).numpy().copy(),
            answers=(answers if held is None else along_time(answers, held)).numpy(),
            layers=tuple(entries),
        )

    def _answers(self, batch: TensorBatch, states: Tensor) -> Tensor:
        """(batch, time, output_size): what it would say if the sequence ended at that step."""
        if self.settings.bidirectional and not self.output_spec.per_step:
            # The backward half starts from the end, so each prefix is a reading of its own.
            count, time = batch.inputs.shape[:2]
            ends = torch.arange(1, time + 1).repeat(count)
            if batch.lengths is not None:
                ends = ends.minimum(batch.lengths.repeat_interleave(time))
            outputs = self(batch.inputs.repeat_interleave(time, dim=0), ends).unflatten(0, (count, time))
        else:
            outputs = self.read_out(states)
        return outputs.softmax(dim=-1) if self.output_spec.classes else outputs

    # -- its size -----------------------------------------------------------------------------------------------

    def parameter_count(self) -> int:
        """Trainable numbers as torch counts them."""
        return sum(parameter.numel() for parameter in self.parameters())


def reversal(batch: int, time: int, lengths: Tensor | None, device: torch.device | None = None) -> Tensor:
    """(batch, time) long: where each step of the reversed sequence comes from; padding stays where it is.

    Reversing twice gives the sequence back, so the same index undoes itself.
    """
    steps = torch.arange(time, device=device).expand(batch, time)
    if lengths is None:
        return time - 1 - steps
    return torch.where(steps < lengths[:, None], lengths[:, None] - 1 - steps, steps)


def along_time(x: Tensor, index: Tensor) -> Tensor:
    """Pick time steps: (batch, time, feature) at (batch, time) long."""
    return x.gather(1, index[:, :, None].expand(-1, -1, x.shape[-1]))


def _layer_trace(
    cell: RecurrentCell, layer: int, direction: Direction, recorded: dict[str, Tensor], held: Tensor | None
) -> LayerTrace:
    def numpy(name: str) -> Array:
        return (recorded[name] if held is None else along_time(recorded[name], held)).numpy()

    return LayerTrace(
        cell=cell.key,
        layer=layer,
        direction=direction,
        gates={name: numpy(name) for name in cell.gate_names},
        states={name: numpy(name) for name in cell.state_names},
        bounded=cell.bounded,
        nonlinearity=cell.nonlinearity,
    )


def _linear(width: int, units: int) -> nn.Linear:
    # torch's own layer draws weights from the global generator when made, which would shift it for everyone else;
    # on the meta device nothing is drawn. (skip_init does as much, and takes half a second the first time.)
    layer = nn.Linear(width, units, device="meta")
    layer.weight = nn.Parameter(torch.empty(units, width))
    layer.bias = nn.Parameter(torch.empty(units))
    return layer
