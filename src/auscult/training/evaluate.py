"""How well a vocoder gives speech back: intelligibility and mel distance on sentences it was not
trained on.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from auscult.sound.griffin_lim import griffin_lim
from auscult.sound.measures import comb_share, log_mel_distance
from auscult.sound.mel import mel_spectrogram
from auscult.sound.mel_definition import MelDefinition
from auscult.training.averages import average_rows
from auscult.training.conditioning import EMOTION_DIM, SPEAKER_DIM, vector_from_name
from auscult.training.data import Utterance


def resynthesize_speech(
    generator: nn.Module, utterance: Utterance, mel: MelDefinition, *, is_known: bool = True
) -> NDArray[np.float32]:
    """The utterance's mel through the generator: float32 [frames * hop]."""
    speaker = vector_from_name(utterance.voice if is_known else "", SPEAKER_DIM)
    emotion = vector_from_name(utterance.style if is_known else "", EMOTION_DIM)
    frames = mel_spectrogram(utterance.samples, mel)
    with torch.no_grad():
        output = generator(*(torch.from_numpy(part)[None] for part in (frames, speaker, emotion)))
    result: NDArray[np.float32] = output[0, 0].numpy()
    return result


def compute_stoi(
    reference: NDArray[np.float32], output: NDArray[np.float32], sample_rate: int
) -> float:
    """STOI (Taal et al. 2011), 0 to 1."""
    from pystoi import stoi

    length = min(len(reference), len(output))
    return float(stoi(reference[:length], output[:length], sample_rate))


def evaluate_vocoder(
    generator: nn.Module,
    speech: Sequence[Utterance],
    mel: MelDefinition,
    *,
    is_known: bool = True,
    baseline: bool = False,
) -> dict[str, float]:
    """Means over the utterances: `stoi`, `stoi_min`, `mel_l1` (nepers), and with `baseline` the
    same of Griffin-Lim.
    """
    generator.eval()
    rows = []
    for utterance in speech:
        output = resynthesize_speech(generator, utterance, mel, is_known=is_known)
        rows.append(_compute_scores(utterance, output, mel))
        if baseline:
            guess = griffin_lim(mel_spectrogram(utterance.samples, mel), mel)
            rows[-1] |= {
                f"griffin_lim_{name}": value
                for name, value in _compute_scores(utterance, guess, mel).items()
            }
    generator.train()
    return {**average_rows(rows), "stoi_min": min(row["stoi"] for row in rows)}


def _compute_scores(
    utterance: Utterance, output: NDArray[np.float32], mel: MelDefinition
) -> dict[str, float]:
    """`comb` is the share of energy locked to the frame rate: 0 for speech, 1 for a buzz."""
    distance = log_mel_distance(
        mel_spectrogram(utterance.samples, mel), mel_spectrogram(output, mel)
    )
    return {
        "stoi": compute_stoi(utterance.samples, output, mel.sample_rate),
        "mel_l1": distance,
        "comb": comb_share(output, mel.sample_rate, mel.hop),
    }
