"""Quantised weights as weights: integers whose scales are tensors beside them.

A scheme is one file in `schemes/`, found by its folder, with two names:

    NAME = "MLX affine"
    def find_weights(parts: Mapping[str, Tensor], context: SchemeContext) -> Iterator[MergedWeight]

It looks for the names and shapes that its quantiser writes, and describes each weight that they
stand for. Nothing is read before a weight is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol, cast

from auscult import plugins
from auscult.checkpoint.quantised.coded import CodedWeight
from auscult.checkpoint.quantised.config import read_config
from auscult.checkpoint.source import Source
from auscult.finding import Skip
from auscult.weights import Tensor

SCHEMES_PACKAGE = "auscult.checkpoint.quantised.schemes"


@dataclass(frozen=True)
class SchemeContext:
    """What stands beside the tensors: the file's metadata, and `config.json` in its folder.

    Attributes:
        source: The file; None for a live module.
        declared: What `config.json` would hold, where that is known otherwise.
    """

    source: Source | None
    metadata: Mapping[str, str]
    declared: Mapping[str, Any] | None = None

    @cached_property
    def config(self) -> Mapping[str, Any]:
        """`config.json`, or an empty mapping."""
        if self.declared is not None or self.source is None:
            return self.declared or {}
        return read_config(self.source)


@dataclass(frozen=True)
class MergedWeight:
    """One quantised weight.

    Attributes:
        name: Of the weight that the model has.
        data: Its elements.
        parts: Names of all tensors that it is made of.
        assumed: What had to be assumed of it, for a skip; None where all is known.
    """

    name: str
    data: CodedWeight
    parts: tuple[str, ...]
    assumed: str | None = None


class Scheme(Protocol):
    """A module of `schemes/`."""

    NAME: str

    def find_weights(
        self, parts: Mapping[str, Tensor], context: SchemeContext
    ) -> Iterator[MergedWeight]: ...


def merge_quantised_weights(
    tensors: Mapping[str, Tensor], context: SchemeContext
) -> tuple[dict[str, Tensor], tuple[Skip, ...]]:
    """The tensors with every quantised weight as one, in the place of its codes; and what was assumed."""
    open_parts = dict(tensors)
    weight_at: dict[str, MergedWeight] = {}
    for module in plugins.import_modules(SCHEMES_PACKAGE):
        for weight in tuple(cast(Scheme, module).find_weights(open_parts, context)):
            if weight.parts[0] in open_parts and not _is_taken(weight, tensors, weight_at):
                weight_at[weight.parts[0]] = weight
                for part in weight.parts:
                    open_parts.pop(part, None)  # a marker of the whole file goes with the first
    return _put_in_place(tensors, open_parts, weight_at), _list_assumptions(weight_at)


def _is_taken(
    weight: MergedWeight, tensors: Mapping[str, Tensor], weight_at: Mapping[str, MergedWeight]
) -> bool:
    """Whether another tensor has the weight's name: then the file holds both, and neither goes."""
    if weight.name in tensors and weight.name not in weight.parts:
        return True
    return any(other.name == weight.name for other in weight_at.values())


def _put_in_place(
    tensors: Mapping[str, Tensor],
    open_parts: Mapping[str, Tensor],
    weight_at: Mapping[str, MergedWeight],
) -> dict[str, Tensor]:
    result: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if name in open_parts:
            result[name] = tensor
        elif name in weight_at:
            weight = weight_at[name]
            nbytes = sum(tensors[part].nbytes for part in weight.parts)
            result[weight.name] = replace(
                tensor,
                name=weight.name,
                shape=weight.data.shape,
                dtype=weight.data.dtype,
                data=weight.data,
                nbytes=nbytes,
                storage=None,
                quantization=None,
            )
    return result


def _list_assumptions(weight_at: Mapping[str, MergedWeight]) -> tuple[Skip, ...]:
    notes = dict.fromkeys(weight.assumed for weight in weight_at.values() if weight.assumed)
    return tuple(Skip("quantisation", note) for note in notes)
