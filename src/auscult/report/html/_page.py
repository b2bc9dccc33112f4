"""What the sections of a page fill together: the data that the script draws from, and the sound."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from auscult.finding import Json
from auscult.report.sections import AnySection, find_section
from auscult.verdict import Report


@dataclass
class ReportPage:
    """One page in the making.

    Attributes:
        report: What it shows.
        embed: How many bytes of sound it may carry.
        data: What the script reads; names of tensors and layers stand there as numbers, see `name`.
        blobs: Sound, base64, one piece of a recording each.
    """

    report: Report
    embed: int
    data: Json = field(default_factory=lambda: {"names": []})
    blobs: list[str] = field(default_factory=list)
    _numbers: dict[str, int] = field(default_factory=dict)

    def find(self, kind: type[AnySection]) -> AnySection | None:
        """The report's section of that kind, or the one inside it."""
        return find_section(self.report, kind)

    def name(self, text: str) -> int:
        """The number that stands for a name: each is written once, however many rows speak of it."""
        if text not in self._numbers:
            self._numbers[text] = len(self._numbers)
            self.data["names"].append(text)
        return self._numbers[text]

    def names(self, texts: Iterable[str]) -> list[int]:
        return [self.name(text) for text in texts]
