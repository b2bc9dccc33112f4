"""Too fast or too slow for speech, or at another rate than the model makes: a wrong sample rate is suspected.

**What it finds.** A voice whose syllables and spectrum are both shifted up, or both down; more or fewer characters a second than
anybody says, where the text is known; a header that states another rate than the model's config. It never says by how much: that
needs a reference. The usual pairs of rates are ranked.

**What you hear.** A chipmunk, or slow motion.

**Why it happens.** Samples written under another rate than they were made at: 24,000 as 44,100, 16,000 as 22,050, 48,000 as
24,000.

**Blind spots.** Ratios below 1.8 are within what voices do; by the sound alone 2 is found in some voices. Other things than
speech are not judged by their sound. A file that was resampled properly has another rate than the config and is right: where
its header states a higher rate, it has nothing above half of the model's; a lower one tells nothing.

**How it is measured.** Mean of the natural logarithms of syllable rate (centre of the envelope's spectrum, 4.5 Hz is usual) and
of spectral centre (1,200 Hz), where the voice has pulses (kurtosis at least 3.6, which no clean music had); beyond `MAX_SHIFT`
= 0.6 either way (slow deep voices reach 0.55). With text: characters per second of sound outside `CHARACTERS` = 6 to 30.
A header that states more than the model makes is an error where the band just above half of the model's rate is as loud as
the band below it, within `MIN_STEP_DB` = -15 dB: no resampler gives that. Of 210 clips each of speech, music and tones, those
that were resampled properly have -34 dB or less there, those relabelled -24 dB or more (speech: -10 dB).
False alarms: none on 270 clean clips of speech, music and instruments (180 set the thresholds, 90 were held out).

**Fix.** A guess: label the samples with the rate that the model makes.

**References.** Wellsaid's rules for voice-over have 0.04 to 0.2 s per character; Blaizzy/mlx-audio PR 293 (24,000 played as
44,100).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from auscult.finding import Finding, Fix, Severity, Skip
from auscult.rules.sound.subject import SoundSubject
from auscult.sound.gaps import measure_end_silence, measure_envelope

CODE = "SND022"
NAME = "sample-rate-label"
REQUIRES = SoundSubject
EVIDENCE = "metadata"
EXTENT = "mostly"
EXPLAINS = ("band-limited",)
MAX_SHIFT = 0.6
MIN_PART = 0.2
"""Each of the two has to be shifted by so much."""
MIN_SHARPNESS = 3.6
MIN_SECONDS = 3.0
USUAL_SYLLABLES_HZ = 4.5
USUAL_CENTROID_HZ = 1200.0
CHARACTERS = (6.0, 30.0)
USUAL_CHARACTERS = 14.0
MIN_CHARACTERS = 20
RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
MAX_PAIRS = 3
MIN_STEP_DB = -15.0
MIN_OF_ALL_DB = -55.0
"""Below that of the mean power, the band above is noise of the number format."""


def check(subject: SoundSubject) -> Iterable[Finding | Skip]:  # noqa: PLR0912
    if subject.reference is not None:
        return
    label, model_rate = subject.recording.sample_rate, subject.facts.sample_rate
    if model_rate is None:
        yield Skip(
            subject.recording.name,
            "the header's rate was held against nothing: the model's is not known (--sample-rate)",
        )
    shift, evidence = _measure_shift(subject)
    rate_differs = model_rate is not None and model_rate != label
    if model_rate is not None and label > model_rate:
        step_db = _measure_step_db(subject, model_rate)
    else:
        step_db = None
    has_impossible_band = step_db is not None and step_db > MIN_STEP_DB
    is_suspicious = abs(shift) > MAX_SHIFT
    if not rate_differs and not is_suspicious:
        return
    signs_agree = has_impossible_band or (
        rate_differs
        and model_rate is not None
        and is_suspicious
        and (shift > 0) == (label > model_rate)
    )
    if is_suspicious:
        speech_note = f"it sounds too {'fast and high' if shift > 0 else 'slow and low'} for speech"
    else:
        speech_note = ""
    if rate_differs:
        header_note = f"the file says {label:,} Hz, and the model makes {model_rate:,} Hz"
    else:
        header_note = ""
    if has_impossible_band and model_rate is not None:
        header_note += f"; what it holds above {model_rate // 2:,} Hz cannot come from resampling"
        evidence["step_db"] = round(float(step_db or 0.0), 1)
    if rate_differs and model_rate is not None:
        pairs = [model_rate]
    else:
        pairs = _list_likely_rates(label, shift)
    if rate_differs:
        ranking_note = ""
    else:
        ranking_note = f"; its true rate may be {' or '.join(f'{rate:,}' for rate in pairs)} Hz instead of {label:,}"
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR if signs_agree else Severity.WARNING,
        (subject.recording.name,),
        f"{' and '.join(part for part in (header_note, speech_note) if part)}{ranking_note}",
        confidence=0.9 if signs_agree else 0.6 if rate_differs else 0.5,
        evidence={"label": label, "model": model_rate, "candidates": pairs, **evidence},
        fix=Fix("guess", f"Label the samples with {pairs[0]:,} Hz.") if pairs else None,
        settled_by="auscult listen FILE --ref REFERENCE",
        rank=25,
    )


def _measure_step_db(subject: SoundSubject, model_rate: int) -> float | None:
    """Level of the band above half of `made` Hz against the band below; None where there is nothing in it, or no room for it."""
    power, hertz, half_rate = subject.analysis.mean_power, subject.analysis.hertz, model_rate / 2
    above = power[(hertz > 1.06 * half_rate) & (hertz < min(1.3 * half_rate, 0.97 * hertz[-1]))]
    below = power[(hertz > 0.8 * half_rate) & (hertz < 0.97 * half_rate)]
    if (
        not above.size
        or not below.any()
        or above.mean() < 10 ** (MIN_OF_ALL_DB / 10) * power.mean()
    ):
        return None
    return float(10 * np.log10(above.mean() / below.mean()))


def _measure_shift(subject: SoundSubject) -> tuple[float, dict[str, float]]:
    """How much faster (above 0) or slower than speech it sounds, as a natural logarithm; and the numbers behind it."""
    analysis, text = subject.analysis, subject.facts.text
    evidence: dict[str, float] = {}
    if analysis.seconds < MIN_SECONDS or not analysis.active_frames.any():
        return 0.0, evidence
    if text is not None and len(text) >= MIN_CHARACTERS:
        end_silence = measure_end_silence(
            measure_envelope(analysis.voice, analysis.sample_rate), analysis.seconds
        )
        pace = len(text) / max(end_silence.seconds - end_silence.before - end_silence.after, 1e-3)
        evidence["characters_per_second"] = round(pace, 2)
        if not CHARACTERS[0] <= pace <= CHARACTERS[1]:
            return float(np.log(pace / USUAL_CHARACTERS)), evidence
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
    return (
        float(parts.mean()) if parts[0] * parts[1] > 0 and np.abs(parts).min() > MIN_PART else 0.0
    ), evidence


def _list_likely_rates(label: int, shift: float) -> list[int]:
    """Usual true rates on that side of the label, the likeliest first."""
    rates_on_side = [rate for rate in RATES if (rate < label if shift > 0 else rate > label)]
    return sorted(rates_on_side, key=lambda rate: abs(np.log(label / rate) - shift))[:MAX_PAIRS]
