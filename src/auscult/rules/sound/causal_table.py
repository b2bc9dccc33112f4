"""The causal table: what makes each sound, likeliest first, collected from the rules of sound.

A rule of sound states what it knows in its own file: `SUSPECTS`, `WRITING`, `FOLLOWS`, and the
section "What makes this sound" of its page. Where several rules find one cause, the table has one
entry for it: the suspects of all of them in the order of their codes, the first `WRITING` that one
states, and `follows` if any of them says so. A rule that states nothing has an entry without
suspects: no cause of that sound is known in the model.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from auscult.rules import Rule, every_rule
from auscult.rules.suspects import Suspect

FOLDER = "sound"
MAKING = re.compile(r"^\*\*What makes this sound\.\*\* (?P<text>.+?)(?:\n\n|\Z)", re.M | re.S)
"""The section of a rule's page that says how the sound arises."""


@dataclass(frozen=True)
class CausalEntry:
    """What the table says of one sound.

    Attributes:
        name: The cause name that the rules of sound give it.
        suspects: What in a model can make it, likeliest first.
        page: How the sound arises.
        writing: The remedy where the fault lies in how the samples were written or labelled, not in
            the model; else None.
        follows: Whether any wrong computation may leave it: beside a cause in the model it needs no
            cause of its own.
    """

    name: str
    suspects: tuple[Suspect, ...] = ()
    page: str = ""
    writing: str | None = None
    follows: bool = False

    def find_suspect(self, cause: str) -> Suspect | None:
        """The suspect that has that cause, if any."""
        return next((suspect for suspect in self.suspects if cause in suspect.causes), None)


@cache
def load_causal_table() -> Mapping[str, CausalEntry]:
    """The entry of every sound by its cause name."""
    table: dict[str, CausalEntry] = {}
    for rule in every_rule(FOLDER):
        table[rule.name] = merge_rule(table.get(rule.name, CausalEntry(rule.name)), rule)
    return table


def merge_rule(entry: CausalEntry, rule: Rule) -> CausalEntry:
    """The entry with what one more rule states of the same sound."""
    new_suspects = tuple(suspect for suspect in rule.suspects if suspect not in entry.suspects)
    pages = (entry.page, *(" ".join(match["text"].split()) for match in MAKING.finditer(rule.page)))
    return CausalEntry(
        entry.name,
        (*entry.suspects, *new_suspects),
        "\n\n".join(page for page in pages if page),
        entry.writing or rule.writing,
        entry.follows or rule.follows,
    )
