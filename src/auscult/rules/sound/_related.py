"""What the rules with a reference ask first: is there one, and is it the same content?"""

from __future__ import annotations

import numpy as np

from auscult.finding import Severity
from auscult.rules.sound.subject import SoundSubject, knows_model
from auscult.sound.relation import Relation
from auscult.sound.residual import Residual

MIN_CORRELATION = 0.5
"""Of the spectrograms, below which a speed or place read from them is not believed.

Measured on white noise and the same sentence backwards: 0.03 and 0.39. Margin: 0.11.
"""
MIN_WAVEFORM_CORRELATION = 0.6
"""Of blocks of 0.1 s with their counterparts, median, from which on the two are one waveform.

Measured on a voice and music: with noise at 5 dB 0.85, with an echo as loud 0.62 and 0.78. Margin:
0.02.
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


def find_residual(subject: SoundSubject) -> Residual | None:
    """What is left when the reference is taken off; None where the two are not one waveform.

    A vocoder's phases are its own: there is nothing to subtract.
    """
    if subject.reference is None or not has_sound(subject):
        return None
    relation = subject.relation
    if not subject.steps.steps and not (relation.is_related and is_same_speed(relation)):
        return None
    correlations = subject.residual.level_track.correlations
    if not len(correlations) or float(np.median(correlations)) < MIN_WAVEFORM_CORRELATION:
        return None
    return subject.residual


def has_sound(subject: SoundSubject) -> bool:
    """Whether there is anything to compare; silence is another finding."""
    return subject.analysis.rms > 0 and bool(
        subject.reference is None or subject.reference.samples.any()
    )


def is_same_speed(relation: Relation) -> bool:
    return relation.rate_ratio == 1.0 and relation.time_stretch == 1.0


def rate_stillness(subject: SoundSubject) -> Severity:
    """An error where the sound should move: beside a reference that does, or out of a model whose
    facts are given. Else information: rain, engines, drones and guitars stand still as well.
    """
    if subject.reference is not None or knows_model(subject.facts):
        return Severity.ERROR
    return Severity.INFO
