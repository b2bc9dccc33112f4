"""One side has more blocks in a repeated row than the other.

**What it finds.** Whole blocks past the end of the row that the other side has: `layers.8` ...
`layers.11` where the checkpoint stops at `layers.7`.

**What you hear.** With `strict=False` nothing raises: the extra blocks run with random weights
after trained ones, and speech turns to noise; blocks that are left out make it dull or garbled.

**Why it happens.** A config of another model size; a loop over the wrong list.

**Blind spots.** A gap inside the row is reported as `tensor-missing`, as is a single layer that one
of several equal rows lacks. Between two files, a row that ends early by one layer without a block
structure is `tensor-missing` too.

**How it is measured.** By the index in the names: the block's index is past every index that the
other side has in the same place, in every parallel row. No threshold.

**Example.** The config has one layer more than the checkpoint. `auscult diff model.safetensors
port:build` says:

    ARC004 error  depth: the model has 1 block more than the checkpoint: layers.4 (14 tensors)

**Fix.** In the code or its config: the checkpoint's number of blocks. Safety: safe.

**References.** None.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from auscult.facts.words import format_count, list_index_contexts, split_indices
from auscult.finding import Finding, Fix, Severity
from auscult.rules.diff.claims import OpenItems
from auscult.rules.diff.evidence.shapes import get_trained_role
from auscult.rules.diff.subject import SIDE_KEYS, ClaimedPlace, DiffSubject, Role

CODE = "ARC004"
NAME = "depth"
REQUIRES = DiffSubject
PRECEDENCE = 110
MIN_TENSORS_PER_FILE_BLOCK = 3
"""Tensors; between two files, a row that lacks its last layer alone (weight and bias) has lost it. Chosen, not measured."""


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
    for role in (subject.target_role, subject.source_role):
        unmatched_names = set(items.unmatched_names(role))
        shared_names = [name for name in subject.checkpoint(role) if name not in unmatched_names]
        extra_blocks = measure(
            items.unmatched_names(role), shared_names, template=subject.compares_shapes
        )
        for name, (row, index) in extra_blocks.items():
            yield ClaimedPlace((name,), None, {"row": row, "index": index, "side": role})


def check(subject: DiffSubject) -> Iterable[Finding]:
    places = subject.places.get(NAME, ())
    if not places:
        return
    longer_role: Role = places[0].evidence["side"]
    blocks = sorted(
        {(str(place.evidence["row"]), int(place.evidence["index"])) for place in places}
    )
    indices_by_row: dict[str, list[int]] = {}
    for row, index in blocks:
        indices_by_row.setdefault(row, []).append(index)
    rows_text = "; ".join(
        f"{row}{_format_span(indices)}" for row, indices in indices_by_row.items()
    )
    names = tuple(name for place in places for name in place.where)
    candidate, reference = subject.noun("candidate"), subject.noun("reference")
    count_text = format_count(len(blocks), "block")
    if longer_role == "candidate":
        text = f"the {candidate} has {count_text} more than the {reference}"
    else:
        text = f"the {candidate} lacks {count_text} of the {reference}"
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        names,
        f"{text}: {rows_text} ({format_count(len(names), 'tensor')})",
        evidence={
            "blocks": [[row, index] for row, index in blocks],
            "side": SIDE_KEYS[longer_role],
        },
        fix=Fix(
            "safe",
            f"build the model with the {subject.noun(get_trained_role(subject))}'s number of blocks",
        ),
        rank=14,
    )


def _format_span(indices: list[int]) -> str:
    if len(indices) == 1:
        return str(indices[0])
    return f"{{{indices[0]}..{indices[-1]}}}"
