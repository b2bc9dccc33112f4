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

from auscult.align.naming import list_index_contexts, split_indices
from auscult.finding import Finding, Fix, Severity
from auscult.rules.diff.claims import OpenItems
from auscult.rules.diff.subject import ClaimedPlace, DiffSubject
from auscult.rules.wording import format_count

CODE = "ARC004"
NAME = "depth"
REQUIRES = DiffSubject
PRECEDENCE = 110
MIN_TENSORS_PER_FILE_BLOCK = 3
"""Between two files, one row that lacks its last layer alone (weight and bias) has lost it rather than never had it."""


def measure(
    surplus_names: Iterable[str], known_names: Iterable[str], *, template: bool
) -> dict[str, tuple[str, int]]:
    """The names in `extra` that lie in blocks past the end of a row in `known`: name to (row, index of the block).

    Digits that are part of a word (`block3`) count as an index only where the block holds several modules: `norm3` after
    `norm2` is another norm, not another block.
    """
    extra_names, other_names = list(surplus_names), list(known_names)
    if not extra_names:
        return {}
    result = _find_blocks_past_end(extra_names, other_names, every_digit=False)
    blocks_by_digit = _find_blocks_past_end(
        [name for name in extra_names if name not in result], other_names, every_digit=True
    )
    modules: dict[tuple[str, int], set[str]] = {}
    for name, (row, index) in blocks_by_digit.items():
        modules.setdefault((row, index), set()).add(name.rpartition(".")[0])
    result |= {name: block for name, block in blocks_by_digit.items() if len(modules[block]) > 1}
    sizes = Counter(result.values())
    min_tensors = 1 if template else MIN_TENSORS_PER_FILE_BLOCK
    return {name: block for name, block in result.items() if sizes[block] >= min_tensors}


def _find_blocks_past_end(
    extra_names: list[str], known_names: list[str], *, every_digit: bool
) -> dict[str, tuple[str, int]]:
    last_in_pattern: dict[tuple[str, int], int] = {}
    last_in_row: dict[str, int] = {}
    for name in known_names:
        label = split_indices(name, every_digit=every_digit)[0]
        for column, (row, index, _) in enumerate(
            list_index_contexts(name, every_digit=every_digit)
        ):
            last_in_pattern[(label, column)] = max(index, last_in_pattern.get((label, column), -1))
            last_in_row[row] = max(index, last_in_row.get(row, -1))
    result = {}
    for name in extra_names:
        label = split_indices(name, every_digit=every_digit)[0]
        for column, (row, index, _) in enumerate(
            list_index_contexts(name, every_digit=every_digit)
        ):
            if (
                row in last_in_row
                and index > last_in_row[row]
                and index > last_in_pattern.get((label, column), index)
            ):
                result[name] = (row, index)
                break
    return result


def claim(subject: DiffSubject, items: OpenItems) -> Iterable[ClaimedPlace]:
    for side, unmatched_names, other_checkpoint in (
        ("b", items.absent, subject.a),
        ("a", items.surplus, subject.b),
    ):
        side_checkpoint = {"b": subject.b, "a": subject.a}[side]
        unmatched_set = set(unmatched_names)
        shared_names = [name for name in side_checkpoint if name not in unmatched_set]
        extra_blocks = measure(unmatched_names, shared_names, template=subject.b_is_template)
        for name, (row, index) in extra_blocks.items():
            yield ClaimedPlace(
                (name,),
                None,
                {"row": row, "index": index, "side": side, "of": len(other_checkpoint)},
            )


def check(subject: DiffSubject) -> Iterable[Finding]:
    places = subject.places.get(NAME, ())
    if not places:
        return
    blocks = sorted(
        {
            (
                str(claimed_place.evidence["row"]),
                int(claimed_place.evidence["index"]),
                str(claimed_place.evidence["side"]),
            )
            for claimed_place in places
        }
    )
    by_row = {
        row: [index for other_row, index, _ in blocks if other_row == row] for row, _, _ in blocks
    }
    text = "; ".join(f"{row}{_format_span(indices)}" for row, indices in by_row.items())
    names = tuple(name for place in places for name in place.where)
    model = "model" if subject.b_is_template else "reference"
    side = model if blocks[0][2] == "b" else "checkpoint"
    other = "checkpoint" if side == model else model
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        names,
        f"the {side} has {format_count(len(blocks), 'block')} more than the {other}: {text} ({format_count(len(names), 'tensor')})",
        evidence={"blocks": [[row, index] for row, index, _ in blocks], "side": blocks[0][2]},
        fix=Fix("safe", "build the model with the checkpoint's number of blocks"),
        rank=14,
    )


def _format_span(indices: list[int]) -> str:
    if len(indices) == 1:
        return str(indices[0])
    return f"{{{indices[0]}..{indices[-1]}}}"
