"""The order in which a conditioned generator runs its parts: the same for both blocks on record, in torch and in MLX."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol


class Conditioned(Protocol):
    """The sizes that the frame round the blocks needs; the configs of both families have them."""

    @property
    def mel_bins(self) -> int: ...
    @property
    def channels(self) -> tuple[int, ...]: ...
    @property
    def upsample_kernel_sizes(self) -> tuple[int, ...]: ...
    @property
    def upsample_rates(self) -> tuple[int, ...]: ...
    @property
    def mrf_count(self) -> int: ...
    @property
    def initial_kernel_size(self) -> int: ...
    @property
    def final_kernel_size(self) -> int: ...
    @property
    def speaker_dim(self) -> int: ...
    @property
    def emotion_dim(self) -> int: ...


def run_stages(
    generator: Any,
    mel: Any,
    speaker: Any,
    emotion: Any,
    between: Callable[[Any], Any] = lambda x: x,
) -> Any:
    """Mel through `initial_conv`, MRF 0, then each upsampling with its MRF, and `final_conv`, all of them the generator's.

    Args:
        between: What stands before each upsampling and before the last convolution.
    """
    x = generator.initial_conv(mel)
    mrfs = generator.mrfs
    if len(mrfs):
        x = mrfs[0](x)
    for index, up in enumerate(generator.ups):
        x = up(between(x), speaker, emotion)
        if index + 1 < len(mrfs):
            x = mrfs[index + 1](x)
    return generator.final_conv(between(x))
