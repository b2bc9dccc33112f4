"""FoldLayerNorm: a layer norm's gain and shift in the linear layers behind it, as converters write them for inference.

With y = W (γ x̂ + β) + b, W' = W γ along the input axis, and b' = b + W β. Several layers may stand behind one norm, as query,
key and value do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from auscult.recipe.blocks import get_eps, get_tiny, measure_worst_error
from auscult.recipe.checks import check_axis, check_count, make_loss_error, make_misfit_error
from auscult.recipe.dialect import CodeBlock
from auscult.recipe.op import Op
from auscult.weights import Array, Shape

LAYER_FORMS = {"bias": (2, 2), "new-bias": (1, 2), "weight": (1, 1)}
"""How many tensors a layer has before and after: a bias that changes, one that the shift makes, none."""


@dataclass(frozen=True)
class FoldLayerNorm(Op):
    """[gamma, beta?, w, b?, w, b?, ...] -> [w', b'?, w', b'?, ...]. Computed in float64; the results have the dtype of w.

    Attributes:
        layers: The form of each layer, see `LAYER_FORMS`.
        shift: Whether beta is given.
        dim: Axis of each w [out, in] that counts input channels.
    """

    op: ClassVar[str] = "fold_layer_norm"
    layers: tuple[str, ...]
    shift: bool = True
    dim: int = 1

    def __post_init__(self) -> None:
        if not self.layers or any(form not in LAYER_FORMS for form in self.layers):
            raise make_misfit_error(
                self, "has no such form of layer", list(LAYER_FORMS), self.layers
            )
        if not self.shift and any(form != "weight" for form in self.layers):
            raise make_misfit_error(self, "changes no bias without a shift", "weight", self.layers)

    @property
    def lossless(self) -> bool:
        return False

    def apply(self, arrays: Sequence[Array]) -> list[Array]:
        self.shapes([array.shape for array in arrays])
        if self.shift and "weight" in self.layers and arrays[1].any():
            raise make_misfit_error(self, "the norm's shift is not zero, so it belongs in a bias")
        gain = self._spread(arrays[0])
        shift = self._spread(arrays[1]) if self.shift else None
        result: list[Array] = []
        for form, sources in self._iter_layers(arrays):
            weight = sources[0].astype(np.float64)
            result.append((weight * gain).astype(sources[0].dtype))
            if form != "weight" and shift is not None:
                bias = (weight * shift).sum(self.dim)
                if form == "bias":
                    bias = bias + sources[1].astype(np.float64)
                result.append(bias.astype(sources[-1].dtype))
        return result

    def _spread(self, values: Array) -> Array:
        """One number for each input channel, along the axis that counts them."""
        wide = values.astype(np.float64)
        return wide.reshape(1, -1) if self.dim == 1 else wide.reshape(-1, 1)

    def _iter_layers(self, arrays: Sequence[Array]) -> Iterator[tuple[str, Sequence[Array]]]:
        """The form of each layer, with its own tensors among the sources."""
        place = 1 + self.shift
        for form in self.layers:
            count = LAYER_FORMS[form][0]
            yield form, arrays[place : place + count]
            place += count

    def error(self, sources: Sequence[Array], targets: Sequence[Array]) -> float:
        """w' against w γ, and b' against its terms."""
        gain = self._spread(sources[0])
        shift = self._spread(sources[1]) if self.shift else np.zeros_like(gain)
        errors, place = [0.0], 0
        for form, parts in self._iter_layers(sources):
            weight = parts[0].astype(np.float64)
            eps, tiny = get_eps(targets[place].dtype), get_tiny(targets[place].dtype)
            product = weight * gain
            errors.append(
                measure_worst_error(
                    targets[place].astype(np.float64), product, eps * np.abs(product) + tiny
                )
            )
            if form != "weight":
                bias = parts[1].astype(np.float64) if form == "bias" else np.zeros(1)
                terms = weight * shift
                size = np.abs(terms).sum(self.dim) + np.abs(bias)
                errors.append(
                    measure_worst_error(
                        targets[place + 1].astype(np.float64),
                        terms.sum(self.dim) + bias,
                        eps * size + tiny,
                    )
                )
            place += LAYER_FORMS[form][1]
        return max(errors)

    def inverse(self) -> Op:
        raise make_loss_error(
            self, "gain and shift of the norm are multiplied into the layers behind it"
        )

    def render(self, block: CodeBlock, names: Sequence[str]) -> list[str]:
        if self.dim != 1:
            return super().render(block, names)
        expressions, place = [], 1 + self.shift
        for form in self.layers:
            weight = names[place]
            expressions.append(f"{weight} * {names[0]}")
            if form == "bias":
                expressions.append(f"{names[place + 1]} + {weight} @ {names[1]}")
            elif form == "new-bias":
                expressions.append(f"{weight} @ {names[1]}")
            place += LAYER_FORMS[form][0]
        return expressions

    def shapes(self, shapes: Sequence[Shape]) -> list[Shape]:
        check_count(self, len(shapes), 1 + self.shift + sum(LAYER_FORMS[f][0] for f in self.layers))
        width = tuple(shapes[0])
        result: list[Shape] = []
        place = 1 + self.shift
        if self.shift and tuple(shapes[1]) != width:
            raise make_misfit_error(self, "gain and shift differ in width", width, shapes[1])
        for form in self.layers:
            weight = tuple(shapes[place])
            check_axis(self, self.dim, weight)
            if len(weight) != 2 or (weight[self.dim],) != width:
                raise make_misfit_error(
                    self, "the norm is not as wide as the layer's input", width, weight
                )
            outputs = (weight[1 - self.dim],)
            if form == "bias" and tuple(shapes[place + 1]) != outputs:
                raise make_misfit_error(
                    self,
                    "the bias is not as wide as the layer's output",
                    outputs,
                    shapes[place + 1],
                )
            result += [weight] if form == "weight" else [weight, outputs]
            place += LAYER_FORMS[form][0]
        return result

    def dtypes(self, dtypes: Sequence[str]) -> list[str]:
        result: list[str] = []
        place = 1 + self.shift
        for form in self.layers:
            count = LAYER_FORMS[form][0]
            result.append(dtypes[place])
            if form != "weight":
                result.append(dtypes[place + count - 1])
            place += count
        return result
