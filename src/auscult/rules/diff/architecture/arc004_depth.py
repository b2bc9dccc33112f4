"""One side has more blocks in a repeated row than the other.

**What it finds.** Whole blocks past the end of the row that the other side has: `layers.8` ... `layers.11` where the
checkpoint stops at `layers.7`.

**What you hear.** With `strict=False` nothing raises: the extra blocks run with random weights after trained ones, and
speech turns to noise; blocks that are left out make it dull or garbled.

**Why it happens.** A config of another model size; a loop over the wrong list.

**Blind spots.** A gap inside the row is reported as `tensor-missing`, as is a single layer that one of several equal rows
lacks. Between two files, a row that ends early by one layer without a block structure is `tensor-missing` too.

**How it is measured.** By the index in the names: the block's index is past every index that the other side has in the
same place, in every parallel row. No threshold.

**Fix.** In the code or its config: the checkpoint's number of blocks. Safety: safe.

**References.** None.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from auscult.align.naming import pattern, rows
from auscult.finding import Finding, Fix, Severity
from auscult.rules.diff.claims import OpenItems
from auscult.rules.diff.subject import DiffSubject, Place
from auscult.rules.wording import counted

CODE = "ARC004"
NAME = "depth"
REQUIRES = DiffSubject
PRECEDENCE = 110
MIN_TENSORS_PER_BLOCK_OF_FILES = 3
"""Between two files, one row that lacks its last layer alone (weight and bias) has lost it rather than never had it."""


def measure(
    extra: Iterable[str], known: Iterable[str], *, template: bool
) -> dict[str, tuple[str, int]]:
    """The names in `extra` that lie in blocks past the end of a row in `known`: name to (row, index of the block).

    Digits that are part of a word (`block3`) count as an index only where the block holds several modules: `norm3` after
    `norm2` is another norm, not another block.
    """
    names, others = list(extra), list(known)
    if not names:
        return {}
    result = _past_the_end(names, others, every_digit=False)
    attached = _past_the_end(
        [name for name in names if name not in result], others, every_digit=True
    )
    modules: dict[tuple[str, int], set[str]] = {}
    for name, (row, index) in attached.items():
        modules.setdefault((row, index), set()).add(name.rpartition(".")[0])
    result |= {name: block for name, block in attached.items() if len(modules[block]) > 1}
    sizes = Counter(result.values())
    least = 1 if template else MIN_TENSORS_PER_BLOCK_OF_FILES
    return {name: block for name, block in result.items() if sizes[block] >= least}


def _past_the_end(
    extra: list[str], known: list[str], *, every_digit: bool
) -> dict[str, tuple[str, int]]:
    in_pattern: dict[tuple[str, int], int] = {}
    in_row: dict[str, int] = {}
    for name in known:
        label = pattern(name, every_digit=every_digit)[0]
        for column, (row, index, _) in enumerate(rows(name, every_digit=every_digit)):
            in_pattern[(label, column)] = max(index, in_pattern.get((label, column), -1))
            in_row[row] = max(index, in_row.get(row, -1))
    result = {}
    for name in extra:
        label = pattern(name, every_digit=every_digit)[0]
        for column, (row, index, _) in enumerate(rows(name, every_digit=every_digit)):
            if (
                row in in_row
                and index > in_row[row]
                and index > in_pattern.get((label, column), index)
            ):
                result[name] = (row, index)
                break
    return result


def claim(subject: DiffSubject, items: OpenItems) -> Iterable[Place]:
    for side, extra, other in (("b", items.absent, subject.a), ("a", items.surplus, subject.b)):
        own = {"b": subject.b, "a": subject.a}[side]
        unmatched = set(extra)
        shared = [name for name in own if name not in unmatched]
        found = measure(extra, shared, template=subject.b_is_template)
        for name, (row, index) in found.items():
            yield Place((name,), None, {"row": row, "index": index, "side": side, "of": len(other)})


def check(subject: DiffSubject) -> Iterable[Finding]:
    places = subject.places.get(NAME, ())
    if not places:
        return
    blocks = sorted(
        {
            (str(p.evidence["row"]), int(p.evidence["index"]), str(p.evidence["side"]))
            for p in places
        }
    )
    by_row = {row: [index for r, index, _ in blocks if r == row] for row, _, _ in blocks}
    text = "; ".join(f"{row}{_span(indices)}" for row, indices in by_row.items())
    names = tuple(name for place in places for name in place.where)
    model = "model" if subject.b_is_template else "reference"
    side = model if blocks[0][2] == "b" else "checkpoint"
    other = "checkpoint" if side == model else model
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        names,
        f"the {side} has {counted(len(blocks), 'block')} more than the {other}: {text} ({counted(len(names), 'tensor')})",
        evidence={"blocks": [[row, index] for row, index, _ in blocks], "side": blocks[0][2]},
        fix=Fix("safe", "build the model with the checkpoint's number of blocks"),
        rank=14,
    )


def _span(indices: list[int]) -> str:
    return str(indices[0]) if len(indices) == 1 else f"{{{indices[0]}..{indices[-1]}}}"
