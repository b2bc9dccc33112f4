"""What the rules with a reference ask first: is there one, and is it the same content?"""

from __future__ import annotations

from auscult.rules.sound.subject import SoundSubject
from auscult.sound.relation import Relation

MIN_CORRELATION = 0.5
"""Of the spectrograms, below which a speed or place read from them is not believed.

Measured on white noise and the same sentence backwards: 0.03 and 0.39. Margin: 0.11.
"""


def find_relation(subject: SoundSubject) -> Relation | None:
    """How the recording relates to its reference, or None where there is none or they are not
    alike.
    """
    if subject.reference is None or not has_sound(subject):
        return None
    relation = subject.relation
    if relation.coherent or relation.rate_correlation >= MIN_CORRELATION:
        return relation
    return None


def has_sound(subject: SoundSubject) -> bool:
    """Whether there is anything to compare; silence is another finding."""
    return subject.analysis.rms > 0 and bool(
        subject.reference is None or subject.reference.samples.any()
    )


def is_same_speed(relation: Relation) -> bool:
    return relation.rate_ratio == 1.0 and relation.time_stretch == 1.0
