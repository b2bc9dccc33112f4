"""The causal table: one file per symptom that one hears, with what makes exactly that sound, likeliest first.

A module has a docstring (why the sound arises), `SYMPTOM` (a cause name of the rules of sound), and `SUSPECTS`. A suspect is
settled by other evidence: its causes are names that the rules of weights, code, traces and training give. `WRITING`, where it
is given, is the remedy of a fault in how the sound was written or labelled, which needs no other evidence. `FOLLOWS = True`
says that whatever is computed wrongly may leave that sound: beside a cause in the model it needs no cause of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from auscult import plugins

EvidenceKind = Literal[
    "weights", "code", "reference-weights", "traces", "reference-audio", "training", "config"
]


@dataclass(frozen=True)
class Suspect:
    """Something that can make a symptom.

    Attributes:
        causes: Its names in the findings that would show it.
        why: How it makes that sound, in one sentence.
        needs: The evidence that settles it.
    """

    causes: tuple[str, ...]
    why: str
    needs: EvidenceKind


@dataclass(frozen=True)
class Symptom:
    """What one file of the table says.

    Attributes:
        writing: The remedy where the fault lies in how the samples were written or labelled, not in the model; else None.
        follows: Whether any wrong computation may leave it.
    """

    name: str
    suspects: tuple[Suspect, ...]
    page: str
    writing: str | None = None
    follows: bool = False

    def find_suspect(self, cause: str) -> Suspect | None:
        """The suspect that has that cause, if any."""
        return next((suspect for suspect in self.suspects if cause in suspect.causes), None)


@lru_cache(maxsize=1)
def load_symptoms() -> Mapping[str, Symptom]:
    """Every symptom by name."""
    modules = plugins.import_modules(__name__)
    return {
        module.SYMPTOM: Symptom(
            module.SYMPTOM,
            module.SUSPECTS,
            module.__doc__ or "",
            getattr(module, "WRITING", None),
            getattr(module, "FOLLOWS", False),
        )
        for module in modules
    }
