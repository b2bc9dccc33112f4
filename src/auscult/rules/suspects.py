"""What can make a sound: the suspects that a rule of sound names, and the kind of evidence that settles each."""

from __future__ import annotations

from typing import Literal, NamedTuple

EvidenceKind = Literal[
    "weights", "code", "reference-weights", "traces", "reference-audio", "training", "config"
]
"""A kind of evidence that a diagnosis can look at."""


class Suspect(NamedTuple):
    """Something in a model that can make a sound.

    Attributes:
        causes: Its names in the findings that would show it: names of rules of weights, code, traces or training.
        why: How it makes that sound, in one sentence.
        needs: The evidence that settles it.
    """

    causes: tuple[str, ...]
    why: str
    needs: EvidenceKind
