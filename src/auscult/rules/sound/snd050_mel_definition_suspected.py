"""Loud and quiet lie too near together or too far apart: a vocoder fed another kind of mel.

**What it finds.** A recording whose levels, band by band, follow the reference's with another
slope: its contrast is a fixed factor off, in decibels.

**What you hear.** Flat, noisy, robotic speech that never falls silent (a vocoder for natural
logarithms given base 10, or given magnitudes for powers); or words torn out of silence (the other
way round).

**Why it happens.** Mel and vocoder differ in the logarithm (ln is 2.3 times log10), in magnitude
against power (a factor of 2), or in a normalisation that was not undone.

**What makes this sound.** The mel spectrogram was not made the way that the vocoder was trained on.
The speech is robotic, faint or muffled.

**Example.** Wrong and right:

```python
mel = torch.log10(mel.clamp(min=1e-5))  # wrong for a vocoder of the HiFi-GAN kind
mel = torch.log(mel.clamp(min=1e-5))    # right: the natural logarithm
```

**Blind spots.** Differences of bands, scale, norm or hop, which are told apart by `auscult mel`
from the mel itself, and only there. A compressor or noise gate changes the contrast too.

**How it is measured.** Levels of 40 mel bands of the aligned pair, frame by frame; per band the
slope of the recording's dB over the reference's, by the ratio of their standard deviations, where
they correlate by at least 0.6; the median over the bands. Reported outside of 1 / `MAX_CONTRAST` to
`MAX_CONTRAST` = 1.6, where the waveforms do not agree; an error outside of 1 / `ERROR_CONTRAST` to
`ERROR_CONTRAST` = 1.8.

**Fix.** None in the sound. `auscult mel WAV MEL --against FAMILY` names the setting.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from auscult.finding import Finding, Severity
from auscult.rules.sound._related import find_relation, is_same_speed
from auscult.rules.sound.subject import SoundSubject
from auscult.rules.suspects import Suspect
from auscult.sound.figures.mel_distance import compute_mel_pair
from auscult.sound.measures import standard_mel
from auscult.sound.mel import mel_units_per_decibel
from auscult.sound.relation import Relation, mix_down

CODE = "SND050"
NAME = "mel-definition"
REQUIRES = SoundSubject
EVIDENCE = "reference"
EXTENT = "whole"
EXPLAINS = ("gain", "phase-metallic", "noise", "flat-mel")
FOLLOWS = True
SUSPECTS = (
    Suspect(
        ("transform-invented", "activation-extra", "mel-definition"),
        "log base, range, normalisation or scale of the features differ from training",
        needs="traces",
    ),
    Suspect(
        ("undetermined-by-weights",),
        "which mel a vocoder wants is not in its weights",
        needs="reference-audio",
    ),
)
MAX_CONTRAST = 1.6
"""Factor on the range of levels from which on it is reported. Chosen, not measured."""
ERROR_CONTRAST = 1.8
"""Factor from which on it is an error. Chosen, not measured."""
MIN_BAND_CORRELATION = 0.6
"""Correlation that a band has to have with the reference's to be counted. Chosen, not measured."""
MIN_BANDS = 10
"""Bands that have to be counted. Chosen, not measured."""
BANDS = 40
"""Mel bands that are compared. Chosen, not measured."""
AUDIBLE_DB = 60.0
"""Levels farther below the reference's loudest are not compared. Chosen, not measured."""
MIN_BAND_SPREAD_DB = 3.0
"""Standard deviation over time that a band of the reference has to have. Chosen, not measured."""


def measure_contrast(relation: Relation) -> float | None:
    """How many times the reference's range of levels the recording has, median over the bands; None
    if too few follow it.
    """
    definition = replace(standard_mel(relation.aligned_reference.sample_rate), n_mels=BANDS)
    mel_pair_levels = compute_mel_pair(
        mix_down(relation.aligned_recording), mix_down(relation.aligned_reference), definition
    )
    candidate_mel, reference_mel = (
        side / mel_units_per_decibel(definition) for side in mel_pair_levels
    )
    is_audible = reference_mel > reference_mel.max() - AUDIBLE_DB
    slopes = []
    for candidate_band, reference_band, is_audible_frame in zip(
        candidate_mel, reference_mel, is_audible, strict=True
    ):
        x, y = candidate_band[is_audible_frame], reference_band[is_audible_frame]
        if len(y) < 20 or x.std() == 0 or y.std() < MIN_BAND_SPREAD_DB:
            continue
        if np.corrcoef(x, y)[0, 1] >= MIN_BAND_CORRELATION:
            slopes.append(float(x.std() / y.std()))
    if len(slopes) >= MIN_BANDS:
        return float(np.median(slopes))
    return None


def check(subject: SoundSubject) -> Iterable[Finding]:
    relation = find_relation(subject)
    if relation is None or relation.coherent or not is_same_speed(relation):
        return
    contrast_ratio = measure_contrast(relation)
    if contrast_ratio is None or 1 / MAX_CONTRAST < contrast_ratio < MAX_CONTRAST:
        return
    yield Finding(
        CODE,
        NAME,
        Severity.WARNING
        if 1 / ERROR_CONTRAST < contrast_ratio < ERROR_CONTRAST
        else Severity.ERROR,
        (subject.recording.name,),
        f"the contrast of loud and quiet is {contrast_ratio:.2f} times the reference's: a vocoder "
        "fed a mel of another logarithm or power",
        confidence=0.6,
        evidence={
            "contrast": round(contrast_ratio, 3),
            "ln_over_log10": 2.303,
            "power_over_magnitude": 2.0,
        },
        settled_by="auscult mel REFERENCE.wav MEL --against FAMILY",
        rank=55,
    )
