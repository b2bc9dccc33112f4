"""Hyper-parameters of the HiFT generator. Source: chatterbox-tts 0.1.7 (hifigan.py, s3gen.py)."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, prod


@dataclass(frozen=True)
class Config:
    """Defaults are Chatterbox's, 24 kHz. The first block of fields is in the tensors' shapes; what follows is not.

    Attributes:
        source_kernels: Of the convolutions that bring the source's STFT to each stage's rate; (kernel of the last is 1).
        outputs: Channels of `conv_post`: n_fft + 2, magnitude then phase.
        harmonics: Sines of the source, the fundamental among them.
        f0_layers: In the order of the list `condnet`; `f0_step` is the distance of their indices (2 with ELUs between).
        upsample_rates: Strides. All but the first follow from `source_kernels`.
        dilations: Of the pairs in every residual block.
        slope: Of the leaky ReLU before each upsampling; `final_slope` of the one before the last convolution.
        istft_hop: Of the source's STFT and of the output's inverse.
        sine_amplitude: Of each sine of the source; unvoiced samples have noise of a third of it instead.
        noise_deviation: Of the noise on voiced samples.
        voiced_above: In Hz; what is not above it is unvoiced.
        limit: The output is clamped to this on both sides.
    """

    mel_bins: int = 80
    channels: tuple[int, ...] = (512, 256, 128, 64)
    upsample_kernel_sizes: tuple[int, ...] = (16, 11, 7)
    resblock_kernel_sizes: tuple[int, ...] = (3, 7, 11)
    resblock_depth: int = 3
    source_kernels: tuple[int, ...] = (30, 6, 1)
    source_resblock_kernel_sizes: tuple[int, ...] = (7, 7, 11)
    outputs: int = 18
    harmonics: int = 9
    pre_kernel_size: int = 7
    post_kernel_size: int = 7
    f0_layers: int = 5
    f0_width: int = 512
    f0_step: int = 2

    upsample_rates: tuple[int, ...] = (8, 5, 3)
    dilations: tuple[int, ...] = (1, 3, 5)
    slope: float = 0.1
    final_slope: float = 0.01
    istft_hop: int = 4
    sample_rate: int = 24_000
    sine_amplitude: float = 0.1
    noise_deviation: float = 0.003
    voiced_above: float = 10.0
    limit: float = 0.99

    @property
    def n_fft(self) -> int:
        """Of the source's STFT and the output's inverse."""
        return self.outputs - 2

    @property
    def hop(self) -> int:
        """Samples per mel frame."""
        return prod(self.upsample_rates) * self.istft_hop

    @property
    def source_rates(self) -> tuple[int, ...]:
        """Strides of `source_downs`: what is still to be upsampled after each stage."""
        return tuple(
            prod(self.upsample_rates[stage + 1 :]) for stage in range(len(self.upsample_rates))
        )

    @property
    def reach(self) -> int:
        """How many mel frames to each side a sample may depend on, besides F0's, which sees `f0_layers`."""
        frames, rate = self.pre_kernel_size / 2, 1
        for stage, (kernel, stride) in enumerate(
            zip(self.upsample_kernel_sizes, self.upsample_rates, strict=True)
        ):
            frames += (kernel / stride) / rate
            rate *= stride
            down = self.source_kernels[stage] / self.source_rates[stage]  # in samples of this stage
            branch = _reach(self.source_resblock_kernel_sizes[stage], self.dilations) + down
            frames += (
                max(branch, 1)
                + max(_reach(kernel, self.dilations) for kernel in self.resblock_kernel_sizes)
            ) / rate
        return ceil(frames + (self.post_kernel_size / 2 + self.n_fft / self.istft_hop) / rate)


def _reach(kernel: int, dilations: tuple[int, ...]) -> int:
    """Samples to each side of a residual block: of a dilated and a plain convolution for every dilation."""
    return sum((kernel // 2) * (dilation + 1) for dilation in dilations)


def tiny() -> Config:
    """The same layers, a few channels wide."""
    return Config(
        mel_bins=8,
        channels=(16, 12, 8, 4),
        resblock_kernel_sizes=(3, 5),
        resblock_depth=2,
        dilations=(1, 3),
        source_resblock_kernel_sizes=(3, 3, 5),
        harmonics=3,
        f0_layers=3,
        f0_width=8,
    )
