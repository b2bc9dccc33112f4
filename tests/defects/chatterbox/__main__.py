"""Prints the guide's tables: `python -m tests.defects.chatterbox`."""

from __future__ import annotations

import sys

from tests.defects.chatterbox.faults import FAULTS
from tests.defects.chatterbox.story import TOGETHER, by_name, cause, diagnosed, meant, mend


def alone() -> str:
    """Every fault by itself: what is said first, and where."""
    rows = ["| the port's fault | mended in | diagnosed as | at |", "| --- | --- | --- | --- |"]
    for fault in FAULTS:
        finding = cause(diagnosed([fault]))
        said = (f"`{finding.cause}`", f"`{finding.where[0]}`") if finding else ("nothing", "")
        missed = "" if meant(finding, [fault]) else " (wrong)"
        rows.append(f"| {fault.was} | {fault.commit} | {said[0]}{missed} | {said[1]} |")
    return "\n".join(rows)


def together() -> str:
    """Five at once: what is said first in every round."""
    rows = ["| round | diagnosed as | at | mended |", "| --- | --- | --- | --- |"]
    for number, (finding, found) in enumerate(mend(by_name(*TOGETHER)), 1):
        said = (f"`{finding.cause}`", f"`{finding.where[0]}`") if finding else ("nothing", "")
        rows.append(f"| {number} | {said[0]} | {said[1]} | {', '.join(fault.was for fault in found) or 'nothing'} |")
    return "\n".join(rows)


if __name__ == "__main__":
    sys.stdout.write(f"{alone()}\n\n{together()}\n")
