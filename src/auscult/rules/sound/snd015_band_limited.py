"""Nothing above a frequency: a phone line, or material that was upsampled.

**What it finds.** A cliff in the spectrum below about two thirds of what the sample rate could
carry, with nothing above it.

**What you hear.** Dull, like a telephone.

**Why it happens.** A model of a lower rate whose output was only upsampled, a mel whose `fmax` is
below what the vocoder was trained on, a low-pass that stayed in, training data from lossy files.

**What makes this sound.** The sound is dull, as over a telephone: nothing lies above a frequency
that the sample rate promises. Features with a lower upper edge, or an upsampling without high
frequencies, leave that.

**Example.** Wrong and right:

```python
samples = soxr.resample(samples, 8000, 24000)  # wrong: a model of 8 kHz, resampled up
soundfile.write("out.wav", samples, 24000)     # nothing lies above 4 kHz

soundfile.write("out.wav", samples, 8000)      # right: the rate that it has
```

**Blind spots.** A gentle roll-off is a voice or a microphone. A cut-off above 0.68, or above 15
kHz, is what converters and codecs do (MP3 ends at 16 kHz), and few adults hear what is missing. A
reference that ends there as well: the recording has all that it should have.

**How it is measured.** In the mean power spectrum of the sounding frames, the difference between
the median of the band just below a frequency and the highest of all that is more than 6 % above it;
the frequency where it is largest. Reported where it is at least `MIN_DROP_DB` = 30 dB at less than
`MAX_SHARE` = 0.68 of half the sample rate and `MAX_HERTZ` = 15 kHz; from
`CODEC_HERTZ` = 13 kHz on it is information, since the low-pass of a codec lies there; so it is in what is no
voice where no usual rate fits: a blast or a synthesiser ends where it likes. False alarms: none on 120 clean
clips, 156 coded ones and 20 of the bundled vocoder that set no threshold.

**Fix.** None in the sound. Compare the rates: the cut-off is half of the rate that it once had, or
the mel's `fmax`.

**References.** Hi-Fi TTS (arXiv 2104.01497) asks for content up to 13 kHz; NeMo Curator measures 50
dB below the peak.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding, Severity
from auscult.rules.sound._voice import is_voice
from auscult.rules.sound.shared_suspects import OFF_TRAINING
from auscult.rules.sound.subject import SoundSubject
from auscult.rules.suspects import Suspect
from auscult.sound.analysis import SoundAnalysis
from auscult.sound.bandwidth import find_spectral_edge

CODE = "SND015"
NAME = "band-limited"
REQUIRES = SoundSubject
EVIDENCE = "nothing"
EXTENT = "mostly"
EXPLAINS = ()
FOLLOWS = True
SUSPECTS = (
    Suspect(
        ("mel-definition", "transform-invented"),
        "features computed with a lower fmax or sample rate hold nothing above it",
        needs="reference-audio",
    ),
    Suspect(
        ("upsample-mode",),
        "interpolation where the model had learnt upsampling has no high frequencies",
        needs="traces",
    ),
    OFF_TRAINING,
)
WRITING = "find where a lower rate was used on the way, and resample there once, or not at all"
MIN_DROP_DB = 30.0
"""Height of the cliff.

Measured on 120 clean clips, 156 coded ones and 20 of the bundled vocoder that set no threshold: no
false alarm of the rule. Margin: not recorded.
"""
MAX_SHARE = 0.68
"""Of half the sample rate: where the cliff may be at most.

Measured on 120 clean clips, 156 coded ones and 20 of the bundled vocoder that set no threshold: no
false alarm of the rule. Margin: not recorded.
"""
MAX_HERTZ = 15000.0
"""Codecs cut off from here on, and few adults hear what is missing. Chosen, not measured."""
CODEC_HERTZ = 13000.0
"""From here on it is information, and no other rate is named: it is a codec's low-pass as likely.

Measured on Vorbis files of 25 sources: their low-pass lies at 13,609 Hz at least. Margin: 609 Hz.
"""
MAX_PEAKS = 0.4
"""Of the energy in frequencies that stand out: above it, and where it hardly moves, the sound is a
tone, which has no more partials. Chosen, not measured."""
MIN_MOVEMENT_DB = 6.0
"""Movement of the mel over time, below which that holds. Chosen, not measured."""
MIN_OF_HALF_RATE = 0.85
"""Of half a usual rate: from here on a cliff is that of its low-pass. Chosen, not measured."""
MAX_OF_HALF_RATE = 1.03
"""Of half a usual rate: up to here a cliff is that of its low-pass. Chosen, not measured."""
MIN_OF_REFERENCE = 0.9
"""Of where the reference ends: a cliff from here on is the reference's own. Chosen, not measured."""
USUAL_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100)


def check(subject: SoundSubject) -> Iterable[Finding]:
    analysis = subject.analysis
    if not analysis.active_frames.any():
        return
    edge = find_spectral_edge(analysis.mean_power, analysis.sample_rate)
    if edge.drop_db < MIN_DROP_DB or edge.hertz > min(
        MAX_SHARE * analysis.sample_rate / 2, MAX_HERTZ
    ):
        return
    if _ends_with_reference(subject, edge.hertz) or _is_tone(subject):
        return
    near_rates = [
        rate
        for rate in USUAL_RATES
        if MIN_OF_HALF_RATE * rate / 2 < edge.hertz < MAX_OF_HALF_RATE * rate / 2
    ]
    is_codecs = edge.hertz >= CODEC_HERTZ
    if is_codecs:
        rate_note = ", as codecs cut off as well"
    elif near_rates:
        rate_note = f", as of material that once had {near_rates[0]:,} Hz"
    else:
        rate_note = ""
    is_known = subject.reference is not None or bool(near_rates)
    is_warning = not is_codecs and (is_known or is_voice(subject))
    yield Finding(
        CODE,
        NAME,
        Severity.WARNING if is_warning else Severity.INFO,
        (subject.recording.name,),
        f"nothing above {edge.hertz:,.0f} Hz, where the sample rate could carry "
        f"{analysis.sample_rate / 2:,.0f} Hz{rate_note}",
        confidence=min(0.95, 0.5 + edge.drop_db / 100),
        evidence={
            "cutoff_hz": round(edge.hertz, 1),
            "drop_db": round(edge.drop_db, 1),
            "rate_once": near_rates[0] if near_rates and not is_codecs else None,
        },
        rank=33,
    )


def _is_tone(subject: SoundSubject) -> bool:
    """Whether the sound is a tone, which ends where its last partial is."""
    analysis = subject.analysis
    return analysis.stillness.peaks >= MAX_PEAKS and analysis.movement_db < MIN_MOVEMENT_DB


def _ends_with_reference(subject: SoundSubject, hertz: float) -> bool:
    """Whether the reference has nothing above the cliff either, be it for its lower sample rate."""
    if subject.reference is None:
        return False
    analysis = SoundAnalysis(subject.reference)
    end = analysis.sample_rate / 2
    if analysis.active_frames.any():
        edge = find_spectral_edge(analysis.mean_power, analysis.sample_rate)
        if edge.drop_db >= MIN_DROP_DB:
            end = min(edge.hertz, end)
    return hertz >= MIN_OF_REFERENCE * end
