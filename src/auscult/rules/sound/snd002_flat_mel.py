"""The spectrum hardly moves in time: horizontal lines in the mel where there should be speech.

**What it finds.** A recording whose mel bands stay at the same level from frame to frame: a tone, a
hum or a noise of constant colour, also where something else is left far below a tone or hum. The
message says which.

**What you hear.** One unchanging sound: a buzz, a hiss, a drone.

**Why it happens.** The model's output does not depend on its input: weights not in use, a constant
input, a decoder whose normalisation statistics were never trained.

**What makes this sound.** The mel spectrogram does not move over time, as a picture of horizontal
lines shows. The model answers to something that is the same in every frame.

**Example.** A constant mel gives a sound that does not move:

```python
mel = (mel - mean) / std        # wrong where the vocoder expects the plain logarithm:
samples = vocoder(mel.clamp(-1, 1))  # its input is squeezed into a corner, and hardly moves

samples = vocoder(mel)          # right: what it was trained on
```

**Blind spots.** Rain, an engine and a siren stand still too: without a reference or the facts of a
model (`--config`, `--checkpoint`, `--text`) it is information. A note held from beginning to end is flat too: with a reference recording, only a
sound that is much flatter than the reference is reported. Digital silence is left to `silence`.
Noise over something else moves with it.

**How it is measured.** Standard deviation over time of the level in dB of 32 mel-spaced bands, mean
over the bands, of frames of 32 ms within 40 dB of the loud ones, three taken together; levels more
than 80 dB below the loudest count as that. Reported below `MAX_MOVEMENT_DB` = 3 dB; with a
reference below `MAX_WITH_REFERENCE_DB` = 6 dB where that is less than half of the reference's. Also
where the energy stands still: level in dB of each bin against its mean power, weighted by energy,
above `MIN_STEADY_DB` = -0.7 dB; a steady tone has 0, 150 clean clips had -2.6 at most, hums that
have 99 % of the energy -0.42 at least. False alarms: none on 120 clean clips, 156 coded ones and 20
of the bundled vocoder that set no threshold.

**Fix.** None in the sound. Compare checkpoint and code with
`auscult diff CHECKPOINT package.module:factory`.

**References.** ronliwag/tool: "flat horizontal lines" in the spectrogram of a vocoder that was 23 %
loaded.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.sound._related import rate_stillness
from auscult.rules.sound.shared_suspects import NOT_LOADED, SCRAMBLED
from auscult.rules.sound.subject import SoundSubject
from auscult.rules.suspects import Suspect
from auscult.sound.analysis import SoundAnalysis

CODE = "SND002"
NAME = "flat-mel"
REQUIRES = SoundSubject
EVIDENCE = "nothing"
EXTENT = "mostly"
EXPLAINS = (
    *(
        "phase-metallic",
        "band-limited",
        "saturated",
        "imaging",
        "frame-seams",
        "sample-rate-label",
        "interleave",
    ),
    "clipping",
)
FOLLOWS = True
SUSPECTS = (
    NOT_LOADED,
    SCRAMBLED,
    Suspect(
        ("velocity-zero", "sampler-mismatch", "cfg-formula", "time-embedding-scale"),
        "the solver's steps are near zero: the start noise's statistics come out",
        needs="traces",
    ),
    Suspect(
        ("transform-invented", "mel-definition"),
        "features squeezed into a corner of their range look constant to the vocoder",
        needs="traces",
    ),
    Suspect(
        ("codebook-collapse", "amplitude-conflict", "misaligned-target"),
        "a decoder that hears one code for everything learns the mean",
        needs="training",
    ),
)
MAX_MOVEMENT_DB = 3.0
"""Movement of the mel over time, below which it is flat.

Measured on 120 clean clips, 156 coded ones and 20 of the bundled vocoder that set no threshold: no
false alarm. Margin: not recorded.
"""
MAX_WITH_REFERENCE_DB = 6.0
"""The same with a reference. Chosen, not measured."""
MAX_SHARE_OF_REFERENCE = 0.5
"""And at most this share of the reference's movement. Chosen, not measured."""
MIN_STEADY_DB = -0.7
"""Level of each bin against its mean power, weighted by energy, above which the energy stands
still.

Measured on 150 clean clips: -2.6 at most; hums that have 99 % of the energy: -0.42 at least.
Margin: 1.9 dB and 0.28 dB.
"""
MIN_RMS = 1e-6
"""Below this a recording is silent, which is another finding. Chosen, not measured."""
MAX_NOISE_PEAKS = 0.4
"""Of the energy in bins that stand out: noise has less. Chosen, not measured."""


def check(subject: SoundSubject) -> Iterable[Finding]:
    analysis, reference = subject.analysis, subject.reference
    if analysis.rms < MIN_RMS:
        return
    reference_analysis = reference_movement = None
    if reference is not None:
        reference_analysis = SoundAnalysis(reference)
        reference_movement = reference_analysis.movement_db
    if not is_stationary(analysis, reference_analysis):
        return
    movement = analysis.movement_db
    if is_flat(movement, reference_movement):
        message = f"the mel moves by only {movement:.1f} dB over time"
    else:
        message = "next to all energy stands still"
    confidence = 0.8
    if reference_movement is not None:
        message += f" ({reference_movement:.1f} dB in the reference)"
        confidence = 0.95
    yield Finding(
        CODE,
        NAME,
        rate_stillness(subject),
        (subject.recording.name,),
        f"{message}: {describe_kind(analysis)}, the same from beginning to end",
        confidence=confidence,
        evidence={
            "movement_db": round(movement, 2),
            "reference_movement_db": reference_movement and round(reference_movement, 2),
            "steady_db": round(analysis.stillness.weighted_db, 2),
            "peaks": round(analysis.stillness.peaks, 3),
        },
        rank=61,
    )


def is_stationary(analysis: SoundAnalysis, reference: SoundAnalysis | None) -> bool:
    """Whether the recording does not move, and its reference does."""
    stands_still = analysis.stillness.weighted_db >= MIN_STEADY_DB
    if reference is None:
        return stands_still or is_flat(analysis.movement_db, None)
    if is_flat(analysis.movement_db, reference.movement_db):
        return True
    return stands_still and reference.stillness.weighted_db < 2 * MIN_STEADY_DB


def is_flat(movement_db: float, usual_db: float | None) -> bool:
    """Whether a mel that moves by so much stands still, `usual_db` being what the reference's moves
    by.
    """
    if usual_db is None:
        return movement_db <= MAX_MOVEMENT_DB
    return movement_db <= min(MAX_WITH_REFERENCE_DB, MAX_SHARE_OF_REFERENCE * usual_db)


def describe_kind(analysis: SoundAnalysis) -> str:
    """What the unchanging sound is."""
    if abs(float(analysis.means[0])) > 3 * analysis.rms:
        return "a constant with next to nothing on it"
    is_tone = (
        analysis.stillness.weighted_db >= MIN_STEADY_DB
        or analysis.stillness.peaks >= MAX_NOISE_PEAKS
    )
    if is_tone:
        return "a steady tone or hum"
    return "noise"
