"""What a conversion did to quantised weights: real numbers in their place, and how far each may lie from what was quantised."""

from __future__ import annotations

from dataclasses import dataclass

from auscult.align.formats import get_tensor_format
from auscult.errors import RecipeError
from auscult.finding import Json
from auscult.late import numpy as np
from auscult.recipe.recipe import Recipe
from auscult.weights import Checkpoint, Tensor


@dataclass(frozen=True)
class DecodedKind:
    """Weights of one storage that became real numbers.

    Attributes:
        label: How they were stored, such as `4-bit, group 64 (MLX affine)`.
        names: Of the weights in the source.
        largest_error: Bound of the distance of a value from the one that was quantised.
        largest_share: The same, as a share of the largest magnitude of its tensor.
    """

    label: str
    names: tuple[str, ...]
    largest_error: float
    largest_share: float

    def to_json(self) -> Json:
        return {
            "storage": self.label,
            "tensors": len(self.names),
            "largest_error": self.largest_error,
            "largest_share": self.largest_share,
        }


def measure_decoded(source: Checkpoint, recipe: Recipe) -> tuple[DecodedKind, ...]:
    """The quantised weights that the recipe writes as real numbers, by how they were stored.

    Raises:
        RecipeError: If a scale is damaged, so that no bound holds for its weight.
    """
    names_by_label: dict[str, list[str]] = {}
    for entry in recipe.entries:
        for name in entry.sources if entry.targets else ():
            storage = source[name].weight_storage
            if storage is not None:
                names_by_label.setdefault(storage.label, []).append(name)
    kinds = []
    for label, names in names_by_label.items():
        errors = [_measure_bound(source[name], source.path) for name in names]
        largest_error = max(error for error, _ in errors)
        largest_share = max(share for _, share in errors)
        kinds.append(DecodedKind(label, tuple(names), largest_error, largest_share))
    return tuple(kinds)


def _measure_bound(tensor: Tensor, where: str) -> tuple[float, float]:
    """Largest bound of a weight's error, and as a share of its largest magnitude.

    Raises:
        RecipeError: If it is not finite.
    """
    values = np.asarray(tensor.values(), np.float32)
    step = get_tensor_format(tensor, values).step
    if step is None or not values.size:
        return 0.0, 0.0
    error, peak = float(np.max(step)) / 2, float(np.max(np.abs(values)))
    if not np.isfinite(error) or not np.isfinite(peak):
        raise RecipeError(
            "has a quantised weight whose scales are not finite: no error bound holds for it",
            where=f"{where}: {tensor.name}",
            hint="--drop NAME leaves it out; fetch the file again",
        )
    return error, error / peak if peak else 0.0
