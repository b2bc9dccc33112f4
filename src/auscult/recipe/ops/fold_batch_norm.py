"""FoldBatchNorm: a convolution and the BatchNorm after it as one convolution, as exporters write it for inference.

w' = w · γ/√(σ² + ε) along the output axis, b' = β + (b - μ) · γ/√(σ² + ε) (Ioffe & Szegedy 2015, in evaluation mode).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from auscult.recipe.blocks import get_eps, get_tiny, iter_block_slices, measure_worst_error
from auscult.recipe.checks import check_axis, check_count, make_loss_error, make_misfit_error
from auscult.recipe.dialect import CodeBlock
from auscult.recipe.op import Op
from auscult.weights import Array, Shape


@dataclass(frozen=True)
class FoldBatchNorm(Op):
    """[w, b?, gamma, beta, mean, var] -> [w', b'] (b may be absent). Computed in float64; the result has the dtype of w.

    Attributes:
        eps: As in the BatchNorm; it is not in the tensors.
        dim: Axis of w that counts output channels: 0 for Conv and Linear, 1 for ConvTranspose.
    """

    op: ClassVar[str] = "fold_batch_norm"
    eps: float = 1e-5
    dim: int = 0

    @property
    def lossless(self) -> bool:
        return False

    def apply(self, arrays: Sequence[Array]) -> list[Array]:
        self.shapes([array.shape for array in arrays])
        weight = arrays[0]
        gamma, beta, mean, variance = (array.astype(np.float64) for array in arrays[-4:])
        bias = arrays[1].astype(np.float64) if len(arrays) == 6 else np.zeros_like(mean)
        scale = gamma / np.sqrt(variance + self.eps)
        scale_shape = [1] * weight.ndim
        scale_shape[self.dim] = -1
        scale = scale.reshape(scale_shape)
        folded = np.empty(weight.shape, weight.dtype)
        for block_index in iter_block_slices(weight.shape, self.dim):
            folded[block_index] = weight[block_index].astype(np.float64) * scale[block_index]
        return [folded, (beta + (bias - mean) * scale.reshape(-1)).astype(weight.dtype)]

    def error(self, sources: Sequence[Array], targets: Sequence[Array]) -> float:
        """w' · √(σ² + ε) against w · γ, and b' · √(σ² + ε) against its terms."""
        gamma, beta, mean, variance = (array.astype(np.float64) for array in sources[-4:])
        if len(sources) == 6:
            bias = sources[1].astype(np.float64)
        else:
            bias = np.zeros_like(mean)
        (weight, folded), (eps, tiny) = (
            (sources[0], targets[0]),
            (get_eps(targets[0].dtype), get_tiny(targets[0].dtype)),
        )
        root = np.sqrt(variance + self.eps)
        scale_shape = [1] * weight.ndim
        scale_shape[self.dim] = -1
        roots, gammas = root.reshape(scale_shape), gamma.reshape(scale_shape)
        errors = [0.0]
        for block_index in iter_block_slices(weight.shape, self.dim):
            restored, expected = (
                folded[block_index].astype(np.float64) * roots[block_index],
                weight[block_index].astype(np.float64) * gammas[block_index],
            )
            errors.append(
                measure_worst_error(
                    restored, expected, eps * np.abs(expected) + tiny * roots[block_index]
                )
            )
        term_size = np.abs(beta * root) + np.abs(bias * gamma) + np.abs(mean * gamma)
        shift = targets[1].astype(np.float64) * root
        return max(
            *errors,
            measure_worst_error(
                shift, beta * root + (bias - mean) * gamma, eps * term_size + tiny * root
            ),
        )

    def dtypes(self, dtypes: Sequence[str]) -> list[str]:
        return [dtypes[0], dtypes[0]]

    def inverse(self) -> Op:
        raise make_loss_error(
            self,
            "scale and statistics of the BatchNorm are multiplied into the weight",
            "keep the unfolded file",
        )

    def render(self, block: CodeBlock, names: Sequence[str]) -> list[str]:
        bias = names[1] if len(names) == 6 else "0.0"
        call = f"fold_batch_norm({names[0]}, {bias}, {', '.join(names[-4:])}, eps={self.eps}, dim={self.dim})"
        return block.assign(call, 2)

    def shapes(self, shapes: Sequence[Shape]) -> list[Shape]:
        check_count(self, len(shapes), 5, 6)
        weight = tuple(shapes[0])
        check_axis(self, self.dim, weight)
        channels = (weight[self.dim],)
        for shape in shapes[1:]:
            if tuple(shape) != channels:
                raise make_misfit_error(
                    self,
                    f"needs one value for each index of axis {self.dim}",
                    channels,
                    tuple(shape),
                )
        return [weight, channels]
