"""How long a recording is against its text, and whether it says it twice: what the rules of `--text` share."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from auscult.facts.syllables import count_syllables
from auscult.rules.sound.subject import SoundSubject
from auscult.sound.gaps import measure_end_silence, measure_envelope
from auscult.sound.likeness import measure_likeness

MIN_SYLLABLES = 6.0
"""Shorter texts say nothing about the time that they take. Chosen, not measured."""
FASTEST = 11.0
"""Syllables a second that nobody exceeds over a whole text.

Measured on 35 sentences of 22 languages by espeak-ng at its usual pace, and on 65 of recorded Russian
and English: 8.2 at most. Margin: 2.8.
"""
SLOWEST = 1.8
"""Syllables a second below which nobody reads, pauses at punctuation left out.

Measured on the same: 2.9 at least, but 1.9 of words full of consonants, whose vowels are what is counted.
Margin: 0.1.
"""
PAUSE_SECONDS = 0.7
"""Longest usual pause at a punctuation mark. Chosen, not measured."""
MIN_SILENCE = 0.1
"""Silence behind the last sound from which on it ends by itself. Chosen, not measured."""
MIN_LIKENESS = 0.78
"""Correlation of the spectra of two sayings of one text.

Measured on five sentences of five languages in two renderings: 0.84 at least; on single sentences and
26 recorded clips: 0.71 at most. Margin: 0.06.
"""
MIN_AHEAD = 0.15
"""By how much they have to be more alike than with the second backwards.

Measured on the same: two sayings 0.25 at least, the recorded clips 0.05 at most. Margin: 0.1.
"""
MAX_RATE = 5.5
"""Syllables of the text a second over the whole, up to which there is time to say it twice.

Chosen, not measured.
"""
MIN_ANALYSED_RATE = 4000
"""Hz below which a recording is the outline of a longer one: no spectra are in it. Chosen, not measured.
"""
SPARE_SECONDS = 1.0
"""Allowed beside all that: a breath, a reverberation. Chosen, not measured."""
PAUSES = re.compile(r"[.!?;:,\u2026\u2014\n\u3001\u3002\uff01\uff0c\uff1f\u061f\u060c\u0964]+")
"""Punctuation at which a reader stops."""


@dataclass(frozen=True)
class SpokenLength:
    """How long the sound is and how long its text may take, all in seconds.

    Attributes:
        sounding: From the first to the last sound.
        start: Of the first sound.
        silence_after: The last sound.
        shortest, longest: That the text may take.
        syllables: That the text has, about.
    """

    sounding: float
    start: float
    silence_after: float
    shortest: float
    longest: float
    syllables: float

    @property
    def is_too_long(self) -> bool:
        return self.sounding > self.longest

    @property
    def is_too_short(self) -> bool:
        return self.sounding < self.shortest

    def describe(self) -> str:
        """The text and the times that it may take, in words."""
        return (
            f"its text of about {self.syllables:.0f} syllables takes {self.shortest:.1f} to "
            f"{self.longest:.1f} s"
        )

    def list_evidence(self) -> dict[str, float]:
        """The numbers of a finding."""
        return {
            "seconds": round(self.sounding, 2),
            "shortest": round(self.shortest, 2),
            "longest": round(self.longest, 2),
            "syllables": round(self.syllables, 1),
        }


def measure_spoken_length(subject: SoundSubject) -> SpokenLength | None:
    """The length of the sound and of its text; None where the text is not known, or too short."""
    text, analysis = subject.facts.text, subject.analysis
    syllables = count_syllables(text) if text else 0.0
    if not text or syllables < MIN_SYLLABLES or analysis.rms <= 0:
        return None
    ends = measure_end_silence(
        measure_envelope(analysis.voice, analysis.sample_rate), analysis.seconds
    )
    pauses = len(PAUSES.findall(text.strip()[:-1]))
    return SpokenLength(
        sounding=ends.seconds - ends.before - ends.after,
        start=ends.before,
        silence_after=ends.after,
        shortest=syllables / FASTEST,
        longest=syllables / SLOWEST + PAUSE_SECONDS * pauses + SPARE_SECONDS,
        syllables=syllables,
    )


def find_second_saying(subject: SoundSubject, length: SpokenLength) -> tuple[float, float] | None:
    """Where the text begins again in seconds, and how alike the two sayings are; None where it is said
    once, or is written twice itself.
    """
    rate = subject.analysis.sample_rate
    words = (subject.facts.text or "").lower().split()
    middle = len(words) // 2
    if rate < MIN_ANALYSED_RATE or length.syllables > MAX_RATE * length.sounding:
        return None
    if words[:middle] == words[len(words) - middle :]:
        return None
    first, last = (
        int(seconds * rate) for seconds in (length.start, length.start + length.sounding)
    )
    found = measure_likeness(np.asarray(subject.analysis.voice[first:last]), rate)
    if found is None or found.likeness < MIN_LIKENESS:
        return None
    if found.likeness - found.backwards < MIN_AHEAD:
        return None
    return length.start + found.place, found.likeness
