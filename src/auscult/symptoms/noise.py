"""White or shaped noise without the rhythm of what should be said: what the layers compute no longer depends on the input."""

from __future__ import annotations

from auscult.symptoms import Suspect
from auscult.symptoms._common import NOT_LOADED, SCRAMBLED

SYMPTOM = "noise"
FOLLOWS = True
SUSPECTS = (
    NOT_LOADED,
    SCRAMBLED,
    Suspect(
        ("velocity-zero", "noise-differs", "sampler-mismatch", "sigma-schedule"),
        "a sampler that never moves hands its start noise on to the vocoder",
        needs="traces",
    ),
    Suspect(
        ("transform-invented", "mel-definition"),
        "features on another scale than in training drive every layer out of its range",
        needs="traces",
    ),
    Suspect(
        ("wrong-dtype", "corrupt", "non-finite"),
        "bytes read as another number type are noise, and so is what is computed with them",
        needs="weights",
    ),
)
