"""Where the search begins: the sample rates, hops and definitions that fit the frames' timing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from auscult.sound.mel_definition import MelDefinition
from auscult.sound.mel_search import grid
from auscult.sound.mel_search.descent import first_frame_seconds
from auscult.sound.mel_search.evidence import MelEvidence
from auscult.sound.mel_search.timing import FrameTiming
from auscult.sound.recording import Recording

MAX_PLACE_SECONDS = 0.012
"""By which a known definition's first frame may be off the measured one. Chosen, not measured."""


KALDI_WINDOW_SECONDS = 0.025
"""Length of a frame of Kaldi's features and NeMo's. Defined by their defaults."""
MAX_FRONT_END_RATES = 3
"""Sample rates at which front ends of recognisers are tried. Chosen, not measured."""


def list_front_ends(evidence: MelEvidence, timing: FrameTiming) -> list[MelDefinition]:
    """The front ends of speech recognisers and speaker encoders, of as many bands as the mel has:
    Kaldi's filter banks (torchaudio.compliance.kaldi.fbank, which CAMPPlus takes; transformers'
    SeamlessM4TFeatureExtractor) and NeMo's AudioToMelSpectrogramPreprocessor.
    """
    pairs = find_rate_hop_pairs(evidence.recording, timing, evidence.mel.shape[1])
    starts = []
    for rate, hop in pairs[:MAX_FRONT_END_RATES]:
        win = round(KALDI_WINDOW_SECONDS * rate)
        base = MelDefinition(
            sample_rate=rate,
            n_fft=2 ** int(np.ceil(np.log2(win))),
            hop=hop,
            win=win,
            n_mels=evidence.mel.shape[0],
            fmax=rate / 2,
            power=2,
            pre_emphasis=0.97,
        )
        kaldi = replace(
            base,
            fmin=20.0,
            scale="htk",
            norm="none",
            clip=2.0**-23,
            padding="none",
            window="povey",
            framing="kaldi",
            triangles="mel",
        )
        nemo = replace(base, clip=2.0**-24, floor="add", padding="centre", pad_mode="zero")
        starts += [kaldi, replace(nemo, window="hann-symmetric")]
    return [each for each in starts if has_matching_timing(each, evidence, timing)]


def has_matching_timing(
    definition: MelDefinition, evidence: MelEvidence, timing: FrameTiming
) -> bool:
    frames = evidence.mel.shape[1]
    hop = definition.hop / definition.sample_rate
    return (
        definition.n_mels == evidence.mel.shape[0]
        and abs(hop / timing.hop_seconds - 1) <= _compute_hop_tolerance(frames)
        and abs(first_frame_seconds(definition) - timing.first_seconds) <= MAX_PLACE_SECONDS
    )


def _compute_hop_tolerance(frames: int) -> float:
    """Relative error of the measured hop: about a frame over the length."""
    return max(1.2 / frames, 1e-3)


def find_rate_hop_pairs(
    recording: Recording, timing: FrameTiming, frames: int
) -> list[tuple[int, int]]:
    """Sample rates and hops that fit the timing: the recording's own rate first, then round hops
    before others.
    """
    own_rate = recording.sample_rate
    rates = [
        own_rate,
        *(rate for rate in grid.SAMPLE_RATES if rate != own_rate and rate <= 2 * own_rate),
    ]
    pairs: list[tuple[float, int, int]] = []
    for order, rate in enumerate(rates):
        exact_hop = timing.hop_seconds * rate
        reach = max(exact_hop * _compute_hop_tolerance(frames), 0.5)
        hops = [
            hop
            for hop in range(int(np.ceil(exact_hop - reach)), int(exact_hop + reach) + 1)
            if hop > 0
        ]
        round_hops = [hop for hop in hops if hop % 16 == 0 or hop % 10 == 0 or hop in {275, 441}]
        for hop in round_hops or hops[:1]:
            deviation = abs(hop / exact_hop - 1) / _compute_hop_tolerance(frames)
            pairs.append(
                (
                    order
                    + deviation
                    - (1 if rate == own_rate else 0)
                    + (4 if hop not in round_hops else 0),
                    rate,
                    hop,
                )
            )
    return [(rate, hop) for _, rate, hop in sorted(pairs)]


def guess_definition(
    evidence: MelEvidence, timing: FrameTiming, rate: int, hop: int
) -> MelDefinition:
    """Something to start from: a window of about 46 ms, placed where the first frame was measured."""
    size = 2 ** round(np.log2(rate * 0.046))
    size = max(size, 2 ** int(np.ceil(np.log2(hop))))
    base = MelDefinition(
        sample_rate=rate,
        n_fft=size,
        win=size,
        hop=hop,
        n_mels=evidence.mel.shape[0],
        fmax=min(8000.0, rate / 2),
        norm="none",
    )
    ways = [replace(base, padding=padding) for padding in ("centre", "hop", "none")]
    return min(ways, key=lambda way: abs(first_frame_seconds(way) - timing.first_seconds))
