"""A wrong sample rate is suspected: too fast or slow for speech, or not the rate of the model.

**What it finds.** A voice whose syllables and spectrum are both shifted up, or both down; a length
that its text cannot take, where pitch and spectrum are off the same way; a header that states another
rate than the model's config. It never says by how much: that needs a reference. The usual pairs of
rates are ranked.

**What you hear.** A chipmunk, or slow motion.

**Why it happens.** Samples written under another rate than they were made at: 24,000 as 44,100,
16,000 as 22,050, 48,000 as 24,000.

**Example.** Wrong and right:

```python
soundfile.write("out.wav", samples, 44100)  # wrong: the model makes 24,000 Hz
soundfile.write("out.wav", samples, 24000)  # right
```

**Blind spots.** Ratios below 1.8 are within what voices do; by the sound alone 2 is found in some
voices, and children and singers are taken for it: information. Other things than speech are not judged by their sound. A file that was resampled properly
has another rate than the config and is right: where its header states a higher rate, it has nothing
above half of the model's; a lower one tells nothing.

**How it is measured.** Mean of the natural logarithms of syllable rate (centre of the envelope's
spectrum, 4.5 Hz is usual) and of spectral centre (1,200 Hz), where the voice has pulses (kurtosis
at least 3.6, which no clean music had); beyond `MAX_SHIFT` = 0.6 either way (slow deep voices reach
0.55). With text: a length that it cannot take (as `too-short-for-text` and
`too-long-for-text` say), where the spectral centre and the pitch (150 Hz is usual) are off the same way. A header that states more than the model makes is an error where
the band just above half of the model's rate is as loud as the band below it, within `MIN_STEP_DB` =
-15 dB: no resampler gives that. Of 210 clips each of speech, music and tones, those that were
resampled properly have -34 dB or less there, those relabelled -24 dB or more (speech: -10 dB).
False alarms: none on 270 clean clips of speech, music and instruments (180 set the thresholds, 90
were held out).

**Fix.** A guess: label the samples with the rate that the model makes.

**References.** Wellsaid's rules for voice-over have 0.04 to 0.2 s per character; Blaizzy/mlx-audio
PR 293 (24,000 played as 44,100).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from auscult.facts.sample_rates import STANDARD_RATES
from auscult.finding import Finding, Fix, Severity, Skip
from auscult.rules.sound._text import SpokenLength, measure_spoken_length
from auscult.rules.sound.subject import SoundSubject
from auscult.sound.pitch import estimate_pitch_hertz

CODE = "SND022"
NAME = "sample-rate-label"
REQUIRES = SoundSubject
EVIDENCE = "metadata"
EXTENT = "mostly"
EXPLAINS = ("band-limited", "too-short-for-text", "too-long-for-text", "never-stopped")
MAX_SHIFT = 0.6
"""Natural logarithm by which a voice may be too fast and too high.

Measured on slow deep voices: up to 0.55. Margin: 0.05.
"""
MIN_PART = 0.2
"""Each of the two, syllables and spectrum, has to be shifted by so much. Chosen, not measured."""
MIN_SHARPNESS = 3.6
"""Kurtosis of the prediction's residual that a voice has.

Measured on clean music: none has as much. Margin: not recorded.
"""
MIN_SECONDS = 3.0
"""Shorter recordings are not judged by their sound. Chosen, not measured."""
USUAL_SYLLABLES_HZ = 4.5
"""Usual syllables a second. Chosen, not measured."""
USUAL_CENTROID_HZ = 1200.0
"""Usual centre of a voice's spectrum. Chosen, not measured."""
USUAL_PACE = 4.8
"""Usual syllables a second, as they are counted in a text. Chosen, not measured."""
USUAL_PITCH_HZ = 150.0
"""Between the voices of men and of women. Chosen, not measured."""
MAX_PAIRS = 3
"""Pairs of rates that are ranked. Chosen, not measured."""
MIN_STEP_DB = -15.0
"""Level of the band above half of the model's rate against that below it, which no resampler gives.

Measured on 210 clips each of speech, music and tones, resampled properly and relabelled: -34 dB or
less, and -24 dB or more (speech: -10 dB). Margin: 19 dB; relabelled tones and music may stay below.
"""
MIN_OF_ALL_DB = -55.0
"""Below that of the mean power, the band above is noise of the number format.

Chosen, not measured.
"""
BELOW_FROM = 0.8
"""Of half of the model's rate: where the band below it begins. Chosen, not measured."""
BELOW_TO = 0.97
"""Of half of the model's rate: where the band below it ends. Chosen, not measured."""
ABOVE_FROM = 1.06
"""Of half of the model's rate: where the band above it begins. Chosen, not measured."""
ABOVE_TO = 1.3
"""Of half of the model's rate: where the band above it ends. Chosen, not measured."""
HIGHEST_SHARE = 0.97
"""Of half of the file's rate: the band above ends there at the latest. Chosen, not measured."""


@dataclass(frozen=True)
class _RateClues:
    """What speaks against the rate that a header states.

    Attributes:
        label: The header's rate.
        model_rate: The model's, where it is known and another one.
        shift: How much too fast and high it sounds, as a natural logarithm.
        step_db: Level of the band that no resampler gives, where there is one.
        evidence: The numbers behind the shift.
    """

    label: int
    model_rate: int | None
    shift: float
    step_db: float | None
    evidence: dict[str, float] = field(default_factory=dict)

    @property
    def is_voice_shifted(self) -> bool:
        return abs(self.shift) > MAX_SHIFT

    @property
    def has_impossible_band(self) -> bool:
        return self.step_db is not None and self.step_db > MIN_STEP_DB

    @property
    def agree(self) -> bool:
        """Whether the sound confirms what the rates say."""
        if self.model_rate is None:
            return False
        is_confirmed = self.is_voice_shifted and (self.shift > 0) == (self.label > self.model_rate)
        return self.has_impossible_band or is_confirmed


def check(subject: SoundSubject) -> Iterable[Finding | Skip]:
    if subject.reference is not None:
        return
    if subject.facts.sample_rate is None:
        yield Skip(
            subject.recording.name,
            "the header's rate was held against nothing: the model's is not known (--sample-rate)",
        )
    clues = _collect_clues(subject)
    if clues.model_rate is not None or clues.is_voice_shifted:
        yield _report_rate(subject, clues)


def _collect_clues(subject: SoundSubject) -> _RateClues:
    label, model_rate = subject.recording.sample_rate, subject.facts.sample_rate
    shift, evidence = _measure_shift(subject)
    if model_rate == label:
        model_rate = None
    step_db = None
    if model_rate is not None and label > model_rate:
        step_db = _measure_step_db(subject, model_rate)
    return _RateClues(label, model_rate, shift, step_db, evidence)


def _report_rate(subject: SoundSubject, clues: _RateClues) -> Finding:
    evidence = dict(clues.evidence)
    if clues.model_rate is None:
        rates = _list_likely_rates(clues.label, clues.shift)
        confidence = 0.5
    else:
        rates = [clues.model_rate]
        confidence = 0.9 if clues.agree else 0.6
    if clues.has_impossible_band:
        evidence["step_db"] = round(float(clues.step_db or 0.0), 1)
    return Finding(
        CODE,
        NAME,
        _choose_severity(clues),
        (subject.recording.name,),
        _describe_clues(clues, rates),
        confidence=confidence,
        evidence={
            "label": clues.label,
            "model": subject.facts.sample_rate,
            "candidates": rates,
            **evidence,
        },
        fix=_suggest_rate(clues, rates),
        settled_by="auscult listen FILE --ref REFERENCE",
        rank=25,
    )


def _suggest_rate(clues: _RateClues, rates: list[int]) -> Fix | None:
    """Another label; none where a file of another rate than the model's sounds as it should: it was
    resampled, and is right.
    """
    if not rates or (clues.model_rate is not None and not clues.agree):
        return None
    return Fix("guess", f"Label the samples with {rates[0]:,} Hz.")


def _choose_severity(clues: _RateClues) -> Severity:
    """By the sound alone it is information: of real recordings most that sound so are right."""
    if clues.agree:
        return Severity.ERROR
    if clues.model_rate is None and "syllables_per_second" not in clues.evidence:
        return Severity.INFO
    return Severity.WARNING


def _describe_clues(clues: _RateClues, rates: list[int]) -> str:
    notes = []
    if clues.model_rate is not None:
        notes.append(
            f"the file says {clues.label:,} Hz, and the model makes {clues.model_rate:,} Hz"
        )
        if clues.has_impossible_band:
            half_rate = clues.model_rate // 2
            notes[0] += f"; what it holds above {half_rate:,} Hz cannot come from resampling"
    if clues.is_voice_shifted:
        direction = "fast and high" if clues.shift > 0 else "slow and low"
        notes.append(f"it sounds too {direction} for speech")
    message = " and ".join(notes)
    if clues.model_rate is None:
        rates_text = " or ".join(f"{rate:,}" for rate in rates)
        message += f"; its true rate may be {rates_text} Hz instead of {clues.label:,}"
    return message


def _measure_step_db(subject: SoundSubject, model_rate: int) -> float | None:
    """Level of the band above half of the model's rate against the band below; None where it is
    empty or has no room.
    """
    power, hertz, half_rate = subject.analysis.mean_power, subject.analysis.hertz, model_rate / 2
    highest = min(ABOVE_TO * half_rate, HIGHEST_SHARE * hertz[-1])
    above = power[(hertz > ABOVE_FROM * half_rate) & (hertz < highest)]
    below = power[(hertz > BELOW_FROM * half_rate) & (hertz < BELOW_TO * half_rate)]
    if (
        not above.size
        or not below.any()
        or above.mean() < 10 ** (MIN_OF_ALL_DB / 10) * power.mean()
    ):
        return None
    return float(10 * np.log10(above.mean() / below.mean()))


def _measure_shift(subject: SoundSubject) -> tuple[float, dict[str, float]]:
    """How much faster (above 0) or slower than speech it sounds, as a natural logarithm; and the
    numbers behind it.
    """
    analysis = subject.analysis
    evidence: dict[str, float] = {}
    if analysis.seconds < MIN_SECONDS or not analysis.active_frames.any():
        return 0.0, evidence
    length = measure_spoken_length(subject)
    if length is not None and (length.is_too_short or length.is_too_long):
        return _measure_shift_by_text(subject, length)
    speaking = analysis.speaking_measures
    if speaking.sharpness < MIN_SHARPNESS or min(speaking.syllables_hz, speaking.centroid_hz) <= 0:
        return 0.0, evidence
    evidence |= {
        "syllables_hz": round(speaking.syllables_hz, 2),
        "centroid_hz": round(speaking.centroid_hz, 1),
    }
    parts = np.log(
        [speaking.syllables_hz / USUAL_SYLLABLES_HZ, speaking.centroid_hz / USUAL_CENTROID_HZ]
    )
    if parts[0] * parts[1] > 0 and np.abs(parts).min() > MIN_PART:
        return float(parts.mean()), evidence
    return 0.0, evidence


def _measure_shift_by_text(
    subject: SoundSubject, length: SpokenLength
) -> tuple[float, dict[str, float]]:
    """The same where the pace cannot be the text's: only where pitch and formants are off the same
    way, else words are missing or too many.
    """
    analysis = subject.analysis
    pitch = estimate_pitch_hertz(analysis.voice, analysis.sample_rate)
    voiced = pitch[np.isfinite(pitch)]
    centroid = analysis.speaking_measures.centroid_hz
    if not len(voiced) or centroid <= 0:
        return 0.0, {}
    pace, hertz = length.syllables / length.sounding, float(np.median(voiced))
    evidence = {
        "syllables_per_second": round(pace, 2),
        "centroid_hz": round(centroid, 1),
        "pitch_hz": round(hertz, 1),
    }
    parts = np.log([pace / USUAL_PACE, centroid / USUAL_CENTROID_HZ, hertz / USUAL_PITCH_HZ])
    if np.abs(np.sign(parts).sum()) < len(parts) or np.abs(parts).min() < MIN_PART:
        return 0.0, {}
    return float(parts.mean()), evidence


def _list_likely_rates(label: int, shift: float) -> list[int]:
    """Usual true rates on that side of the label, the likeliest first."""
    if shift > 0:
        rates_on_side = [rate for rate in STANDARD_RATES if rate < label]
    else:
        rates_on_side = [rate for rate in STANDARD_RATES if rate > label]
    return sorted(rates_on_side, key=lambda rate: abs(np.log(label / rate) - shift))[:MAX_PAIRS]
