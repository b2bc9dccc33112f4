"""A recurrent layer of two directions run again as a port that flips and joins them itself may run it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from auscult.explain.algebra.nearness import relative_error, to_float64
from auscult.explain.case import Explanation, LayerCase
from auscult.explain.limits import get_candidate_limit, get_reference_limit
from auscult.explain.searches import run_once_per_case
from auscult.explain.searches.recurrent import (
    GATES,
    SCREENING_FRAMES,
    SCREENING_SLACK,
    CellConvention,
    RecurrentWeights,
    read_layers,
    run_layers,
)
from auscult.weights import Array

SEARCH = "directions"
REVERSE_SUFFIX = "_reverse"
LostBias = Literal["", "input", "hidden", "both"]
LOST_BIASES: tuple[tuple[LostBias, str], ...] = (
    ("hidden", "the bias of the hidden side"),
    ("input", "the bias of the input side"),
    ("both", "either bias"),
)
BOTH_DIRECTIONS = ("forward", "backward")


@dataclass(frozen=True)
class DirectionRule:
    """How one layer is run.

    Attributes:
        flips_input, flips_output: Whether the backward direction's frames are reversed before it, and back after it.
        starts_backward: Whether the backward half comes first in the output.
        weights: Whose weights the forward and the backward direction use.
        lost_bias: Which bias is not added, in the directions `lost_in`.
    """

    flips_input: bool = True
    flips_output: bool = True
    starts_backward: bool = False
    weights: tuple[str, str] = BOTH_DIRECTIONS
    lost_bias: LostBias = ""
    lost_in: tuple[str, ...] = ()


RIGHT_RULE = DirectionRule()


@dataclass(frozen=True)
class DirectionMistake:
    """One wrong rule with the cause that it is reported as, in words."""

    cause: str
    rule: DirectionRule
    message: str
    fix: str


def _list_mistakes() -> Iterator[DirectionMistake]:
    yield from _list_flips()
    yield from _list_other_weights()
    yield from _list_lost_biases()


def _list_flips() -> Iterator[DirectionMistake]:
    yield DirectionMistake(
        "time-reversed",
        DirectionRule(flips_output=False),
        "the output of its backward direction is not flipped back: these frames run backwards",
        "flip what the backward direction gives along time before joining it to the forward one",
    )
    yield DirectionMistake(
        "time-reversed",
        DirectionRule(flips_input=False),
        "its backward direction reads the frames forwards, and what it gives is flipped",
        "flip the frames along time before the backward direction reads them",
    )
    yield DirectionMistake(
        "time-reversed",
        DirectionRule(flips_input=False, flips_output=False),
        "its backward direction reads the frames forwards",
        "flip the frames along time before the backward direction, and flip back what it gives",
    )
    yield DirectionMistake(
        "skip-order",
        DirectionRule(starts_backward=True),
        "it concatenates the backward direction before the forward one",
        "concatenate the forward direction first, then the backward one",
    )


def _list_other_weights() -> Iterator[DirectionMistake]:
    for weights, message in (
        (("forward", "forward"), "its backward direction uses the forward direction's weights"),
        (("backward", "backward"), "its forward direction uses the backward direction's weights"),
        (("backward", "forward"), "its two directions use each other's weights"),
    ):
        fix = "give each direction its own weights (those of the backward one end in `_reverse`)"
        yield DirectionMistake("wiring", DirectionRule(weights=weights), message, fix)


def _list_lost_biases() -> Iterator[DirectionMistake]:
    for lost_in in (BOTH_DIRECTIONS, BOTH_DIRECTIONS[:1], BOTH_DIRECTIONS[1:]):
        where = " and ".join(lost_in)
        for lost_bias, words in LOST_BIASES:
            yield DirectionMistake(
                "bias-missing",
                DirectionRule(lost_bias=lost_bias, lost_in=lost_in),
                f"it does not add {words} ({where} direction)",
                "add both biases (their sum, but for the new gate of a GRU) in both directions",
            )


@dataclass(frozen=True, eq=False)
class DirectionTrial:
    """A layer of two directions whose weights give the reference's output.

    Attributes:
        layers: Weights of each layer that runs after the other, by direction.
        frames: Input [batch, time, inputs].
        expected: The candidate's output [batch, time, 2 * width].
        outputs: Kept from one trial to the next, by the rules of the layers so far.
        found_causes: Of the wrong rules that gave the candidate's output so far.
    """

    usual: CellConvention
    layers: tuple[Mapping[str, RecurrentWeights], ...]
    frames: Array
    expected: Array
    limit: float
    outputs: dict[object, Array] = field(default_factory=dict)
    found_causes: list[str] = field(default_factory=list)

    def iter_fitting(self, cause: str) -> Iterator[Explanation]:
        """The mistakes of that cause that give the candidate's output, in all layers or in one."""
        for mistake in _list_mistakes():
            if mistake.cause != cause:
                continue
            for numbers in self._list_layer_groups():
                rules = tuple(
                    mistake.rule if number in numbers else RIGHT_RULE
                    for number in range(len(self.layers))
                )
                residual = relative_error(self.run(rules), self.expected)
                if residual <= self.limit:
                    self.found_causes.append(cause)
                    yield self._to_explanation(mistake, numbers, residual)

    def iter_fitting_cells(
        self, conventions: Iterable[CellConvention]
    ) -> Iterator[tuple[CellConvention, float]]:
        """Those of the conventions that give the candidate's output in all layers and both directions, each with its residual.

        None is tried where a wrong rule gives it: the orders of gates are many, and long frames are slow.
        """
        if self.found_causes:
            return
        rules = (RIGHT_RULE,) * len(self.layers)
        for cell in conventions:
            if len(self.layers) == 1 and not self._fits_at_start(cell):
                continue
            trial = replace(self, usual=cell, outputs={})
            residual = relative_error(trial.run(rules), self.expected)
            if residual <= self.limit:
                yield cell, residual

    def _fits_at_start(self, cell: CellConvention) -> bool:
        """Whether the forward half of the first frames, which nothing else enters, is the candidate's."""
        half = run_layers(cell, (self.layers[0]["forward"],), self.frames[:, :SCREENING_FRAMES])
        expected = self.expected[:, :SCREENING_FRAMES, : half.shape[-1]]
        return relative_error(half, expected) <= SCREENING_SLACK * self.limit + 1e-9

    def _list_layer_groups(self) -> list[tuple[int, ...]]:
        every = tuple(range(len(self.layers)))
        if len(every) == 1:
            return [every]
        return [every, *((number,) for number in every)]

    def _to_explanation(
        self, mistake: DirectionMistake, numbers: tuple[int, ...], residual: float
    ) -> Explanation:
        unequal = [
            name
            for name in vars(RIGHT_RULE)
            if _read(mistake.rule, name) != _read(RIGHT_RULE, name)
        ]
        sides = {
            "reference": {name: _read(RIGHT_RULE, name) for name in unequal},
            "candidate": {name: _read(mistake.rule, name) for name in unequal},
        }
        message = mistake.message
        if len(numbers) < len(self.layers):
            message = f"{message}, in layer {numbers[0]} alone"
        return Explanation(mistake.cause, sides, residual, message, fix=mistake.fix)

    def run(self, rules: tuple[DirectionRule, ...]) -> Array:
        """The output [batch, time, 2 * width] of the layers, each by its rule."""
        frames = self.frames
        for number in range(len(rules)):
            key = rules[: number + 1]
            if key not in self.outputs:
                self.outputs[key] = self._run_layer(key, frames)
            frames = self.outputs[key]
        return frames

    def _run_layer(self, rules: tuple[DirectionRule, ...], frames: Array) -> Array:
        rule = rules[-1]
        halves = []
        for direction, owner in zip(BOTH_DIRECTIONS, rule.weights, strict=True):
            is_flipped = direction == "backward" and rule.flips_input
            lost = rule.lost_bias if direction in rule.lost_in else ""
            key = (rules[:-1], owner, is_flipped, lost)
            if key not in self.outputs:
                weights = _drop_bias(self.layers[len(rules) - 1][owner], lost)
                taken = frames[:, ::-1] if is_flipped else frames
                self.outputs[key] = run_layers(self.usual, (weights,), taken)
            half = self.outputs[key]
            if direction == "backward" and rule.flips_output:
                half = half[:, ::-1]
            halves.append(half)
        if rule.starts_backward:
            halves.reverse()
        return np.concatenate(halves, -1)


def _read(rule: DirectionRule, name: str) -> object:
    value = getattr(rule, name)
    if isinstance(value, tuple):
        return list(value)
    return value


def _drop_bias(weights: RecurrentWeights, lost: str) -> RecurrentWeights:
    if lost in ("input", "both"):
        weights = replace(weights, taken_bias=np.zeros_like(weights.taken_bias))
    if lost in ("hidden", "both"):
        weights = replace(weights, hidden_bias=np.zeros_like(weights.hidden_bias))
    return weights


@run_once_per_case
def read_directions(case: LayerCase, floor: float) -> DirectionTrial | None:
    """The layer of two directions at this place; None where it is none, or its weights do not give the reference's output."""
    layers, x = read_direction_layers(case.weights), case.input
    if (
        case.role != "output"
        or not layers
        or x is None
        or x.ndim != 3
        or x.dtype.kind != "f"
        or len(case.inputs) > 1
        or case.candidate.shape != case.reference.shape
    ):
        return None
    tensors = [to_float64(tensor) for tensor in (x, case.reference, case.candidate)]
    if not case.module.attributes.get("batch_first", False):
        tensors = [tensor.swapaxes(0, 1) for tensor in tensors]
    frames, reference, candidate = tensors
    hidden = layers[0]["forward"].hidden
    usual = CellConvention(GATES[len(hidden) // hidden.shape[1]])
    trial = DirectionTrial(usual, layers, frames, candidate, get_candidate_limit(case, floor))
    right_output = trial.run((RIGHT_RULE,) * len(layers))
    if relative_error(right_output, reference) > get_reference_limit(case):
        return None
    return trial


def read_direction_layers(
    weights: Mapping[str, Array],
) -> tuple[Mapping[str, RecurrentWeights], ...]:
    """The layers of a torch module that runs both ways, by direction; none for any other module."""
    backward_weights = {
        name.removesuffix(REVERSE_SUFFIX): array
        for name, array in weights.items()
        if name.endswith(REVERSE_SUFFIX)
    }
    forward = read_layers({k: v for k, v in weights.items() if not k.endswith(REVERSE_SUFFIX)})
    backward = read_layers(backward_weights)
    if forward is None or backward is None or len(forward) != len(backward):
        return ()
    return tuple(
        {"forward": ahead, "backward": behind}
        for ahead, behind in zip(forward, backward, strict=True)
    )
