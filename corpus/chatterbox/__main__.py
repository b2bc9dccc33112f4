"""Prints the guide's tables: `python -m corpus.chatterbox`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import chain

from auscult.finding import Finding
from corpus.chatterbox.faults import FAULTS
from corpus.chatterbox.mending import TOGETHER, by_name, cause, diagnosed, meant, mend


def alone() -> Iterator[str]:
    """Every fault by itself: what is said first, and where."""
    yield from ("| the port's fault | mended in | diagnosed as | at |", "| --- | --- | --- | --- |")
    for fault in FAULTS:
        finding = cause(diagnosed([fault]))
        missed = "" if meant(finding, [fault]) else " (wrong)"
        yield f"| {fault.was} | {fault.commit} | {said(finding)}{missed} |"


def together() -> Iterator[str]:
    """Five at once: what is said first in every round."""
    yield from ("| round | diagnosed as | at | mended |", "| --- | --- | --- | --- |")
    for number, (finding, found) in enumerate(mend(by_name(*TOGETHER)), 1):
        yield f"| {number} | {said(finding)} | {', '.join(fault.was for fault in found) or 'nothing'} |"


def said(finding: Finding | None) -> str:
    return f"`{finding.cause}` | `{finding.where[0]}`" if finding else "nothing | "


if __name__ == "__main__":
    for line in chain(alone(), ("",), together()):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
