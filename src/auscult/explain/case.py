"""One place where the candidate computes something else, with all that is known there, and an explanation of it."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

from auscult.facts.function_changes import CodeRerun
from auscult.weights import Array, ModuleInfo


@dataclass(frozen=True, eq=False)
class IteratedCalls:
    """What a module that is called again and again took and gave: the estimator of a sampler, the body of a decoder.

    Attributes:
        path: Of the module.
        inputs: Per call, by role.
        outputs: Per call, the first output.
        result: What the loop around it gave in the end.
        noise: Random draws of the loop, in order.
    """

    path: str
    inputs: tuple[Mapping[str, Array], ...]
    outputs: tuple[Array, ...]
    result: Array | None = None
    noise: tuple[Array, ...] = ()


@dataclass(frozen=True, eq=False)
class LayerCase:
    """The reference's and the candidate's tensor at one place, made from the same inputs: what differs was born here.

    The place is either what a module gives (`role` "output": the module was fed with the reference's inputs), or what reaches
    a module ("input", "input.mask"): then all that its parent had computed before agrees, and the wiring between is at fault.

    Attributes:
        path: Path of the reference's module; "" for the whole model.
        module: Its class and attributes.
        reference: What the reference computed.
        candidate: What the candidate computed from the same, in the reference's axis order; its shape may differ.
        inputs: By role, what the module took (for role "input", what the parent took).
        weights: Parameters and buffers of the module, by their names within it, in the reference's layout.
        context: What was known before, by trace key without the call (`ups.0:output`, `:input`), oldest first: the parent's
            inputs and what its earlier children gave. For a module with children, what these gave (role "output").
        attributes: Of every module around by path: the parent, and the children that were called.
        relatives: Weights of the modules in `attributes`, by path, as `weights` has them.
        candidate_calls: Paths (the reference's) of the modules in `attributes` that the candidate called, in its order.
        parent: Path of the module whose code wires this place.
        candidate_path: The candidate's name for the module.
        candidate_module: The candidate's class and attributes, where its runtime shows them.
        rerun: Runs the reference's code at this place again, changed; None where there is no live reference.
        call: Which call of the module.
        reference_steps, candidate_steps: The calls of an iterated module, for a case about the loop around it.
        later: What the parent's children give behind the place, by trace key (`norm1:output`). In a run on the reference's tensors
            a candidate that calls one of them before the place has it there already.
        draws_noise: Whether either side may have drawn random numbers; False where both runs recorded their draws, and made none.
        searched: What the searches found while mistakes are tried here (see `explain.searches`); emptied afterwards.
    """

    path: str
    module: ModuleInfo
    reference: Array
    candidate: Array
    role: str = "output"
    inputs: Mapping[str, Array] = field(default_factory=dict)
    weights: Mapping[str, Array] = field(default_factory=dict)
    context: Mapping[str, Array] = field(default_factory=dict)
    attributes: Mapping[str, ModuleInfo] = field(default_factory=dict)
    relatives: Mapping[str, Mapping[str, Array]] = field(default_factory=dict)
    candidate_calls: tuple[str, ...] = ()
    parent: str = ""
    candidate_path: str = ""
    candidate_module: ModuleInfo | None = None
    rerun: CodeRerun | None = None
    call: int = 0
    reference_steps: IteratedCalls | None = None
    candidate_steps: IteratedCalls | None = None
    later: Mapping[str, Array] = field(default_factory=dict)
    draws_noise: bool = True
    searched: dict[Hashable, object] = field(default_factory=dict, init=False, repr=False)

    @property
    def input(self) -> Array | None:
        """What came in first."""
        return self.inputs.get("input", next(iter(self.inputs.values()), None))

    @property
    def key(self) -> str:
        """The place, as a trace names it."""
        return f"{self.path}#{self.call}:{self.role}"


@dataclass(frozen=True)
class Explanation:
    """A known mistake that was tried on a case.

    Attributes:
        cause: Its name in the catalogue of defects.
        parameters: What the two sides do: `{"reference": 0.1, "candidate": 0.01}`, JSON values.
        residual: Relative error between the candidate's output and the reference's with the mistake applied; NaN where
            nothing was reproduced, but only described.
        says: The mistake in one sentence, from the candidate's side.
        fix: What to write in the candidate's code.
        complexity: How many things were changed or fitted; the simplest explanation wins.
        reproduced: Whether the candidate's output was computed from the reference's input. Otherwise this describes.
        evidence: Further numbers (JSON values).
        rivals: Other causes that reproduce the candidate's output as simply and as well: the case does not tell them apart.
    """

    cause: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    residual: float = float("nan")
    says: str = ""
    fix: str | None = None
    complexity: int = 1
    reproduced: bool = True
    evidence: Mapping[str, Any] = field(default_factory=dict)
    rivals: tuple[str, ...] = ()
