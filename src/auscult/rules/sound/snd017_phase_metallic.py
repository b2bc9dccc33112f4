"""Magnitudes are right and phases are not: a metallic voice, as if in a tube.

**What it finds.** A voice without pulses. A hint and no more: without a reference it is
information, with one a warning.

**What you hear.** A metallic, smeared or robotic voice whose words and colour are right.

**Why it happens.** Phases that a model did not learn, Griffin-Lim with few iterations, an inverse
transform with another window or hop than the forward one, magnitudes and phases swapped at a split.

**What makes this sound.** The magnitudes are right and the phases are not. The sound is metallic,
as from a tin.

**Example.** Wrong and right:

```python
magnitude, phase = head.chunk(2)[::-1]      # wrong: the halves are exchanged
magnitude, phase = head.chunk(2)            # right
spectrum = magnitude.exp() * torch.exp(1j * phase)
```

**Blind spots.** Music has no pulses to lose, so that nothing is said unless the recording is known
to be speech (its text is given) or a reference has the pulses. Reverberation and noise 10 dB below
the voice blur them as well.

**How it is measured.** On the residual of a linear prediction of order 16: kurtosis of frames of 20
ms, median of the louder ones, 3 for Gaussian noise; and periodicity, the highest autocorrelation of
its envelope at 2.5 to 15 ms in frames of 50 ms, in the median. Reported where the periodicity is
below `MAX_PERIODICITY` = 0.62 and the kurtosis below `MAX_SHARPNESS` = 3.6; with a reference, which
has to have 3.8 at least, below 3.5 and `MAX_OF_REFERENCE` = 0.8 of the reference's. The limits were
set on 50 clean sentences with their text. On 40 of other voices none was reported, after Opus,
Vorbis and MP3 none of 52, of the bundled vocoder none of 50; with phases turned by up to 2 radians
or more all had a periodicity below 0.59.

**Fix.** None in the sound. Look at the inverse transform, or at the head that makes the phases.

**References.** Gillespie, Malvar & Florêncio (ICASSP 2001); bshall/SiFiGAN issue 15.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding, Severity, Skip
from auscult.rules.sound.shared_suspects import OFF_TRAINING
from auscult.rules.sound.subject import SoundSubject
from auscult.rules.suspects import Suspect
from auscult.sound.analysis import SoundAnalysis
from auscult.sound.speaking import measure_periodicity

CODE = "SND017"
NAME = "phase-metallic"
REQUIRES = SoundSubject
EVIDENCE = "metadata"
EXTENT = "mostly"
EXPLAINS = ("gain", "unexplained")
FOLLOWS = True
SUSPECTS = (
    Suspect(
        ("branch-cut", "istft-window", "istft-normalisation", "precision-drift"),
        "the phase that the head predicts is wrapped, scaled or summed in too few bits",
        needs="traces",
    ),
    Suspect(
        ("tensor-missing", "renamed"),
        "the source or phase branch of the head has no trained weights",
        needs="code",
    ),
    OFF_TRAINING,
)
MAX_SHARPNESS = 3.6
"""Kurtosis of the prediction's residual below which a voice has no pulses.

Measured on 50 clean sentences with their text, which set it, and on 40 of other voices, 52 coded
ones and 50 of the bundled vocoder: no false alarm of the rule. Margin: not recorded.
"""
MAX_PERIODICITY = 0.62
"""Regularity of the pulses below which there are none.

Measured on 50 clean sentences with phases turned by up to 2 radians or more: below 0.59. Margin:
0.03.
"""
MAX_WITH_REFERENCE = 3.5
"""Kurtosis at most where there is a reference. Chosen, not measured."""
MAX_OF_REFERENCE = 0.8
"""Of the reference's kurtosis. Chosen, not measured."""
MIN_REFERENCE = 3.8
"""Kurtosis that the reference has to have. Chosen, not measured."""
MAX_GAUSSIAN = 3.1
"""Kurtosis up to which what is left of a prediction is no more than noise.

Measured on 8 recorded voices with phases drawn at random: 2.91 at most. Margin: 0.2.
"""
MIN_VOICE_PERIODICITY = 0.65
"""Regularity of a reference that is a voice. Measured on 8 recorded voices: 0.67 at least. Margin: 0.02."""
MAX_KEPT_PERIOD = 0.65
"""Of the reference's regularity: below it the pulses are lost.

Measured on 8 recorded voices with phases drawn at random: 0.55 at most. Margin: 0.1.
"""
MIN_SECONDS = 1.0
"""Shorter recordings are not judged. Chosen, not measured."""


def check(subject: SoundSubject) -> Iterable[Finding | Skip]:
    analysis = subject.analysis
    if subject.facts.text is None and subject.reference is None:
        yield Skip(
            subject.recording.name,
            "lost phases were not looked for: that needs speech and its text (--text), or a "
            "reference",
        )
        return
    if analysis.seconds < MIN_SECONDS or not analysis.active_frames.any():
        return
    reference_sharpness = None
    if subject.reference is not None:
        reference_sharpness = SoundAnalysis(subject.reference).speaking_measures.sharpness
    sharpness = analysis.speaking_measures.sharpness
    if not 0 < sharpness < max(_limit_sharpness(reference_sharpness), MAX_GAUSSIAN):
        return
    pulse_periodicity = measure_periodicity(analysis.voice, analysis.sample_rate)
    is_without_pulses = pulse_periodicity < MAX_PERIODICITY
    if sharpness >= _limit_sharpness(reference_sharpness):
        is_without_pulses = _has_lost_period(subject, pulse_periodicity)
    if is_without_pulses:
        yield _report_lost_pulses(subject, pulse_periodicity, reference_sharpness)


def _has_lost_period(subject: SoundSubject, periodicity: float) -> bool:
    """Whether the reference's pulses come regularly and these do not."""
    if subject.reference is None:
        return False
    reference = SoundAnalysis(subject.reference)
    of_reference = measure_periodicity(reference.voice, reference.sample_rate)
    return of_reference >= MIN_VOICE_PERIODICITY and periodicity < MAX_KEPT_PERIOD * of_reference


def _limit_sharpness(reference_sharpness: float | None) -> float:
    """The kurtosis below which pulses are lost; 0 where the reference has none either."""
    if reference_sharpness is None:
        return MAX_SHARPNESS
    if reference_sharpness >= MIN_REFERENCE:
        return min(MAX_WITH_REFERENCE, MAX_OF_REFERENCE * reference_sharpness)
    return 0.0


def _report_lost_pulses(
    subject: SoundSubject, pulse_periodicity: float, reference_sharpness: float | None
) -> Finding:
    """Information without a reference, a warning with one."""
    sharpness = subject.analysis.speaking_measures.sharpness
    if reference_sharpness is None:
        severity, confidence, reference_note = Severity.INFO, 0.5, ""
        settled_by = "auscult listen FILE --ref REFERENCE"
    else:
        severity, confidence, settled_by = Severity.WARNING, 0.8, None
        reference_note = f", {reference_sharpness:.1f} in the reference"
    return Finding(
        CODE,
        NAME,
        severity,
        (subject.recording.name,),
        f"the voice has no regular pulses (kurtosis {sharpness:.1f}{reference_note}; noise has 3): "
        "its phases may be wrong",
        confidence=confidence,
        evidence={
            "sharpness": round(sharpness, 3),
            "periodicity": round(pulse_periodicity, 3),
            "reference_sharpness": reference_sharpness and round(reference_sharpness, 3),
        },
        settled_by=settled_by,
        rank=70,
    )
