"""What was found of a recurrent layer's dynamics, as plain numpy data: fixed points, eigenvalues, flow, kicked states.

Under a constant input x* one step of a layer is a map F of its state; for an LSTM the state is hidden and cell state
joined, since both are carried on. A fixed point is a state with F(s) = s; how states near it move is told by the
eigenvalues l of the Jacobian dF/ds there. Along an eigenvector with |l| < 1 a state comes back, with |l| > 1 it leaves:
a point is stable where all are below 1, a saddle where some are not. The distance shrinks by 1/e in -1/ln|l| steps,
and a complex pair turns once round in 2 pi / |arg l| steps. The speed of a state is q = 1/2 |F(s) - s|^2; a slow point
is a minimum of q where q is small but not zero.

Source: D. Sussillo and O. Barak, "Opening the black box: low-dimensional dynamics in high-dimensional recurrent neural
networks", Neural Computation 25 (2013), section 2, which has q = 1/2 |dx/dt|^2 in continuous time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rnn_explorer.analysis.dynamics.space import ConstantInput, LayerRef, Space
from rnn_explorer.analysis.dynamics.stability import period, time_constant
from rnn_explorer.analysis.options import LayerOptions, SequenceOptions
from rnn_explorer.errors import UserError
from rnn_explorer.jsonable import jsonable
from rnn_explorer.readable import counted
from rnn_explorer.settings import SettingError, setting
from rnn_explorer.trace import Array

_SIZE = 4096  # numbers of an input or a state, at most


@dataclass(frozen=True)
class TrajectoryOptions(LayerOptions):
    """Of the analysis `trajectories`."""


@dataclass(frozen=True)
class ConstantInputOptions(LayerOptions):
    """Under which input a layer is looked at."""

    input: tuple[float, ...] | None = setting(
        None,
        absent="zeros",
        longest=_SIZE,
        label="Input held at",
        help="The constant input: its numbers, or the number of one symbol.",
    )


@dataclass(frozen=True)
class FixedPointOptions(ConstantInputOptions):
    """Of the analysis `fixed_points`; at the default of `slow_tolerance` one step takes a state less than .005."""

    inits: int = setting(
        512,
        low=1,
        high=4096,
        offered=(128, 256, 512, 1024),
        label="Starts",
        help="Initial states of the search: more find more, and take longer.",
    )
    noise: float = setting(
        0.3,
        low=0,
        high=10,
        label="Noise",
        help="How far they are moved off the model's own states.",
        unit="standard deviations of each number",
    )
    tolerance: float = setting(
        1e-18, low=1e-30, high=1, label="Tolerance", help="The largest speed q of a fixed point."
    )
    slow_tolerance: float = setting(
        1e-5, low=1e-30, high=100, label="Slow tolerance", help="The largest speed q of a slow point."
    )
    max_iterations: int = setting(100, low=1, high=5000, label="Iterations", help="Of each search, at most.")
    seed: int = setting(0, low=0, high=2**31 - 1, label="Seed", help="Of the initial states.")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.slow_tolerance < self.tolerance:
            raise SettingError("slow_tolerance", self.slow_tolerance, f"a number from {self.tolerance:g} to 100")


@dataclass(frozen=True)
class StateOptions(ConstantInputOptions, SequenceOptions):
    """At which state a layer is looked at."""

    time: int = setting(0, label="Time step", help="The state after which time step of the sequence, from 0.")
    state: tuple[float, ...] = setting(
        (), longest=_SIZE, label="State", help="A joined state in place of one of a sequence."
    )


@dataclass(frozen=True)
class SpectrumOptions(StateOptions):
    """Of the analysis `spectrum`."""

    own_input: bool = setting(
        False, label="Own input", help="Hold what enters the layer at that time step in place of the constant input."
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.own_input and (self.state or self.input is not None):
            raise UserError("own_input goes with a state of a sequence and without input; leave out the other two.")


@dataclass(frozen=True)
class FlowOptions(ConstantInputOptions):
    """Of the analysis `flow`: the grid, and other axes than the layer's own."""

    grid: int = setting(21, low=3, high=101, label="Grid", help="Points along each axis.")
    limits: Sequence[Sequence[float]] = setting(
        (), label="Limits", help="((low, high), (low, high)) of the two axes; empty: round the trajectories."
    )
    mean: tuple[float, ...] = setting((), longest=_SIZE, label="Mean", help="A point of the plane.")
    components: Sequence[Sequence[float]] = setting(
        (), label="Components", help="Orthonormal axes as rows, of which the first two span the plane."
    )


@dataclass(frozen=True)
class PerturbOptions(StateOptions):
    """Of the analysis `perturb`."""

    size: float = setting(
        0.3,
        low=0,
        high=10,
        offered=(0, 2),
        step=0.1,
        label="Kick",
        help="How far a chosen state is kicked, in units of the states' spread.",
    )
    directions: int = setting(
        12, low=1, high=64, label="Directions", help="Kicks; at most twice as many as a state has numbers."
    )
    steps: int = setting(60, low=1, high=1000, label="Steps", help="Time steps that the state is followed.")
    points: Sequence[Sequence[float]] = setting(
        (),
        label="Points",
        help="Joined states, such as fixed points, one of which each path ends nearest to.",
    )
    seed: int = setting(0, low=0, high=2**31 - 1, label="Seed", help="Of the directions.")


@dataclass(frozen=True)
class Spectrum:
    """The eigenvalues of one step's Jacobian at one state.

    Attributes:
        place, held: which layer, under which input.
        words: which state, for a title ("the state after step 7 of sequence 2", both counted from 1).
        state: (size,) joined.
        eigenvalues: (size,) complex, the largest first.
        speed: |F(s) - s|: how far one step takes the state; eigenvalues tell of the long run only where this is small.
    """

    place: LayerRef
    held: ConstantInput
    words: str
    state: Array
    eigenvalues: Array
    speed: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values fit for JSON: all eigenvalues as [real, imaginary]."""
        return {
            **self.place.to_dict(),
            "input": self.held.to_dict(),
            "at": self.words,
            "state": jsonable(self.state),
            "speed": jsonable(self.speed),
            "eigenvalues": jsonable(self.eigenvalues),
            "time_constants": jsonable(time_constant(self.eigenvalues)),
            "periods": jsonable(period(self.eigenvalues)),
        }


@dataclass(frozen=True)
class Flow:
    """Where one step takes states on a grid, F(s) - s.

    Attributes:
        place, held: which layer, under which input.
        space: the axes; the grid lies in the plane of the first two, through the basis' mean.
        x: (columns,) coordinates along the first axis.
        y: (rows,) along the second.
        velocity: (rows, columns, 2) the part of F(s) - s that lies in the plane.
        speed: (rows, columns) the length of all of F(s) - s.
        slice: whether the state has more numbers than the plane shows, so that states leave it.
    """

    place: LayerRef
    held: ConstantInput
    space: Space
    x: Array
    y: Array
    velocity: Array
    speed: Array
    slice: bool

    def to_dict(self) -> dict[str, Any]:
        """Plain values fit for JSON."""
        return {
            **self.place.to_dict(),
            "input": self.held.to_dict(),
            "space": self.space.to_dict(),
            "slice": self.slice,
            "x": jsonable(self.x),
            "y": jsonable(self.y),
            "velocity": jsonable(self.velocity),
            "speed": jsonable(self.speed),
        }


@dataclass(frozen=True)
class Perturbation:
    """Where a state goes when it is kicked, under a constant input.

    Attributes:
        place, held: which layer, under which input.
        words: which state was kicked.
        kick: how far, in the units of the state.
        states: (1 + kicks, 1 + steps, size) float32: the path of the state left alone, then those of the kicked ones.
        moved: (1 + kicks,) |F(s) - s| at the end: how much each still moves.
        gap: (1 + kicks,) how far each ends from where the state left alone ends.
        returned: (1 + kicks,) whether that is next to nothing, `RETURN` of the states' spread. On a cycle, two states
            that come to it at different moments stay apart.
        nearest: (1 + kicks,) which of the points asked about each ends nearest to; -1 where none were.
        distance: (1 + kicks,) how far from it; NaN where none were.
    """

    place: LayerRef
    held: ConstantInput
    words: str
    kick: float
    states: Array
    moved: Array
    gap: Array
    returned: Array
    nearest: Array
    distance: Array

    def sentence(self) -> str:
        """ "11 of 12 kicked states return"."""
        kicks = len(self.returned) - 1
        return f"{int(self.returned[1:].sum())} of {counted(kicks, 'kicked state')} return"

    def to_dict(self) -> dict[str, Any]:
        """Plain values fit for JSON."""
        return {
            **self.place.to_dict(),
            "input": self.held.to_dict(),
            "from": self.words,
            "kick": jsonable(self.kick),
            "summary": self.sentence(),
            "returned": [bool(flag) for flag in self.returned],
            "gap": jsonable(self.gap),
            "moved": jsonable(self.moved),
            "nearest": [int(index) for index in self.nearest],
            "distance": jsonable(self.distance),
            "states": jsonable(self.states),
        }


@dataclass(frozen=True)
class Trajectories:
    """The states of the probe sequences, and the axes in which they are drawn.

    Attributes:
        place: which layer.
        space: the axes, from the validation sequences; all questions about one model and layer have the same.
        states: (batch, time, size) float32 joined states after each step; index t belongs to input t in either
            direction. Padded steps hold the last state.
        lengths: (batch,) real steps.
        labels: (batch,) the class of each sequence, -1 where there is none.
        label_names: of the classes.
        spread: root mean square distance of the validation sequences' states from their mean.
    """

    place: LayerRef
    space: Space
    states: Array
    lengths: Array
    labels: Array
    label_names: tuple[str, ...]
    spread: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values fit for JSON; real steps only."""
        return {
            **self.place.to_dict(),
            "space": self.space.to_dict(),
            "spread": jsonable(self.spread),
            "labels": [int(label) for label in self.labels],
            "label_names": list(self.label_names),
            "states": [jsonable(states[:length]) for states, length in zip(self.states, self.lengths, strict=True)],
        }
