"""What a benchmark gives: tables, and goals beside results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class BenchContext:
    """What a benchmark may use.

    Attributes:
        scratch: A folder for large files, kept between sections of one run.
        quick: Fewer seeds and runs, for a look.
        peers: Folder with reference recordings or checkpoints, where the user gave one.
    """

    scratch: Path
    quick: bool = False

    @property
    def runs(self) -> int:
        return 2 if self.quick else 5


@dataclass(frozen=True)
class Goal:
    """A figure that was aimed at, and the one that was reached. `reached` is None where it could not be measured."""

    what: str
    aim: str
    result: str
    reached: bool | None


@dataclass(frozen=True)
class Section:
    """One chapter of `benchmarks/README.md`."""

    title: str
    text: str
    header: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    goals: Sequence[Goal] = field(default_factory=tuple)

    def markdown(self) -> str:
        """The chapter, goals first."""
        parts = [f"## {self.title}", self.text.strip()]
        if self.goals:
            marks = {True: "yes", False: "**no**", None: "not measured"}
            parts.append(
                format_table(
                    ("goal", "aim", "result", "reached"),
                    [(g.what, g.aim, g.result, marks[g.reached]) for g in self.goals],
                )
            )
        if self.rows:
            parts.append(format_table(self.header, self.rows))
        return "\n\n".join(parts)


def format_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
