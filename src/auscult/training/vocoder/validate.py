"""How well a vocoder gives speech back that it was not trained on, beside Griffin-Lim on the same mel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import log, log10

import numpy as np
import torch
from torch import nn

from auscult.sound.griffin_lim import griffin_lim
from auscult.sound.measures import comb_share, log_mel_distance
from auscult.sound.mel import log_units_per_decibel, mel_spectrogram
from auscult.sound.mel_definition import Frames, MelDefinition, Samples
from auscult.training.averages import average_rows
from auscult.training.evaluate import compute_stoi
from auscult.training.recordings import NamedSamples

DECIBELS_PER_NEPER = 20 / log(10)
POWER_FLOOR = 1e-12  # against a division by silence
FIGURES = ("stoi", "mel_l1", "comb", "rms_ratio", "snr")
Render = Callable[[Frames], Samples]
"""A mel [bands, frames] to samples [time]."""


def evaluate_vocoder(
    generator: nn.Module, speech: Sequence[NamedSamples], mel: MelDefinition
) -> dict[str, float]:
    """The figures of `score_renderings` for a generator in training."""
    return score_renderings(lambda frames: render_frames(generator, frames), speech, mel)


def evaluate_griffin_lim(speech: Sequence[NamedSamples], mel: MelDefinition) -> dict[str, float]:
    """The figures that a vocoder has to beat."""
    return score_renderings(lambda frames: griffin_lim(frames, mel), speech, mel)


def score_renderings(
    render: Render, speech: Sequence[NamedSamples], mel: MelDefinition
) -> dict[str, float]:
    """Means over the recordings: `stoi` (0 to 1) and `stoi_min`; `mel_l1` in nepers, from the mel that went in to the
    one that comes back; `comb`, the share of energy on multiples of the frame rate; `rms_ratio` of the output to the input;
    `snr` in dB, which says little here: a mel has no phase. NaN where an output is not finite.
    """
    rows = []
    for _, samples in speech:
        frames = mel_spectrogram(samples, mel)
        output = render(frames)
        rows.append(_score_output(samples, frames, output, mel))
    return {**average_rows(rows), "stoi_min": min(row["stoi"] for row in rows)}


def _score_output(
    samples: Samples, frames: Frames, output: Samples, mel: MelDefinition
) -> dict[str, float]:
    if not np.isfinite(output).all():
        return dict.fromkeys(FIGURES, float("nan"))
    distance = log_mel_distance(frames, mel_spectrogram(output, mel))
    per_neper = DECIBELS_PER_NEPER * log_units_per_decibel(mel) * mel.multiply
    length = min(len(samples), len(output))
    target, sound = (side[:length].astype(np.float64) for side in (samples, output))
    power = float(np.square(target).sum()) + POWER_FLOOR
    error = float(np.square(target - sound).sum()) + POWER_FLOOR
    return {
        "stoi": compute_stoi(samples, output, mel.sample_rate),
        "mel_l1": distance / per_neper,
        "comb": comb_share(output, mel.sample_rate, mel.hop),
        "rms_ratio": float(np.sqrt(np.square(sound).sum() / power)),
        "snr": 10 * log10(power / error),
    }


@torch.no_grad()
def render_frames(generator: nn.Module, frames: Frames) -> Samples:
    """A mel [bands, frames] through a generator in training, which stays as it is."""
    was_training = generator.training
    generator.eval()
    device = next(generator.parameters()).device
    output = generator(torch.from_numpy(frames)[None].to(device))
    generator.train(was_training)
    samples: Samples = output[0, 0].float().cpu().numpy()
    return samples
