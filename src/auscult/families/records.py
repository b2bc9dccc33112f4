"""What a family says about a checkpoint, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

Layout = Literal["torch", "mlx", "unknown"]
Parametrisation = Literal["weight-norm-old", "weight-norm-new", "fused", "none"]
TensorKind = Literal[
    "conv1d",
    "conv_transpose1d",
    "conv2d",
    "linear",
    "linear_transposed",
    "embedding",
    "lstm",
    "norm",
    "bias",
    "gain",
    "parameter",
    "codebook",
    "buffer",
    "counter",
]
"""The layer that a tensor is the weight of, or what it is otherwise.

`linear_transposed` is stored (in, out), as GPT-2's Conv1D does; `gain` is the g of a weight-norm pair; `norm` is scale or
statistics of a normalisation; `counter` is BatchNorm's `num_batches_tracked`.
"""


class FreeChoice(NamedTuple):
    """Something that the model computes and no tensor shows, as a finite set to be tried.

    Attributes:
        field: The field of the family's config.
        values: Every value worth trying; the default is among them.
        meaning: What it decides, in the field's terms.
    """

    field: str
    values: tuple[Any, ...]
    default: Any
    meaning: str


class Variant(NamedTuple):
    """A config under the name by which people know it, with where it comes from."""

    name: str
    config: Any
    origin: str


@dataclass(frozen=True)
class Detection:
    """How well a checkpoint fits a family, and what speaks against it.

    Attributes:
        family: The family's name, such as `streamspeech-modified`.
        score: 0 to 1: the share of tensors that the family and the checkpoint have in common by name and shape, halved
            for each piece of decisive evidence that is absent.
        hyperparameters: What names and shapes determine, and the usual value of what they do not.
        layout: `unknown` where names and shapes fit both, or no weight differs between them.
        parametrisation: `none` where the family has no weight norm.
        prefix: What stands before the family's names in this checkpoint, with its dot.
        missing_evidence: What almost matched: absent tensors, foreign tensors, other shapes; one sentence each.
        undetermined: Fields of `hyperparameters` that no tensor shows, with the values worth trying.
        config: The family's own config record, for `expected`, `build` and `choices`.
        variant: The name of a well-known configuration, such as `V1`.
    """

    family: str
    score: float
    hyperparameters: Mapping[str, Any]
    layout: Layout
    parametrisation: Parametrisation
    prefix: str
    missing_evidence: tuple[str, ...] = ()
    undetermined: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    config: Any = None
    variant: str | None = None
