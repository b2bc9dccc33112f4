"""Names and shapes of published models, folded: `{"ups.*.bias": [["0-1", [256]], ["2", [64]]]}` is three tensors.

A `*` stands for a number; a key of several numbers lists them as `0-3,5/0-2` (every combination of the two ranges).
"""

from __future__ import annotations

import json
import re
from functools import cache
from itertools import product
from pathlib import Path

from auscult.weights import Shape

FOLDER = Path(__file__).parent / "manifests"
NUMBER = re.compile(r"\d+")


def names() -> tuple[str, ...]:
    """All manifests."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.json")))


@cache
def shapes(name: str) -> dict[str, Shape]:
    """Tensor name -> shape, unfolded."""
    folded = json.loads((FOLDER / f"{name}.json").read_text())
    result: dict[str, Shape] = {}
    for pattern, groups in folded.items():
        for ranges, shape in groups:
            for numbers in (
                product(*(_numbers(part) for part in ranges.split("/"))) if ranges else [()]
            ):
                values = iter(numbers)
                name = re.sub(r"\*", lambda _, values=values: str(next(values)), pattern)  # type: ignore[misc]
                result[name] = tuple(shape)
    return result


def _numbers(ranges: str) -> list[int]:
    """`0-2,5` -> [0, 1, 2, 5]."""
    result: list[int] = []
    for part in ranges.split(","):
        first, _, last = part.partition("-")
        result += range(int(first), int(last or first) + 1)
    return result


def fold(tensors: dict[str, Shape]) -> dict[str, list[list[object]]]:
    """The inverse of `shapes`: how the files were made."""
    grouped: dict[tuple[str, Shape], list[tuple[int, ...]]] = {}
    for name, shape in tensors.items():
        key = (NUMBER.sub("*", name), tuple(shape))
        grouped.setdefault(key, []).append(tuple(map(int, NUMBER.findall(name))))
    folded: dict[str, list[list[object]]] = {}
    for (pattern, shape), places in grouped.items():
        for ranges in _products(places):
            folded.setdefault(pattern, []).append([ranges, list(shape)])
    return folded


def _products(places: list[tuple[int, ...]]) -> list[str]:
    """Split sets of number tuples into as few products of ranges as a greedy merge gives."""
    boxes = [tuple(frozenset({number}) for number in place) for place in places]
    axes = range(len(boxes[0])) if boxes else range(0)
    for axis in reversed(axes):
        merged: dict[tuple[frozenset[int], ...], set[int]] = {}
        for box in boxes:
            merged.setdefault((*box[:axis], *box[axis + 1 :]), set()).update(box[axis])
        boxes = [(*rest[:axis], frozenset(values), *rest[axis:]) for rest, values in merged.items()]
    return ["/".join(_ranges(sorted(values)) for values in box) for box in boxes]


def _ranges(numbers: list[int]) -> str:
    parts: list[list[int]] = []
    for number in numbers:
        if parts and parts[-1][1] == number - 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in parts)
