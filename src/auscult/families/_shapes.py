"""Names and shapes of a checkpoint, brought to one form: weight norm fused, and read in torch's layout or in MLX's."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import prod

from auscult.facts.weight_norm import PairForm, WeightNormNames, parse_weight_norm_name
from auscult.weights import Shape

MAX_INDEX = 255  # of a list of layers or codebooks; a larger number in a name is none


@dataclass(frozen=True)
class CanonicalShapes:
    """A checkpoint's names and shapes with each weight-norm pair as one `weight`.

    Attributes:
        shapes: Canonical name -> shape.
        members: Canonical name of each pair -> its names in the file, gain first; one name if the other is absent.
        old: Number of pairs in the old naming; `new` in the new.
    """

    shapes: dict[str, Shape]
    members: dict[str, tuple[str, ...]]
    old: int
    new: int


def to_canonical_shapes(shapes: Mapping[str, Shape]) -> CanonicalShapes:
    """Fuse weight-norm pairs by name.

    A `weight_v` beside a `weight_orig` is spectral norm's vector and stays as it is. Of a new-style pair the direction is
    the one with more elements, for files exist in which the two are exchanged.
    """
    plain: dict[str, Shape] = {}
    members: dict[str, tuple[str, ...]] = {}
    counts: Counter[PairForm] = Counter()
    for name, shape in shapes.items():
        pair = parse_weight_norm_name(name)
        if pair is None or f"{pair.weight}_orig" in shapes:
            plain[name] = tuple(shape)
            continue
        if pair.weight in members:
            continue
        gain, direction = _order_by_size(pair, shapes)
        members[pair.weight] = tuple(part for part in (gain, direction) if part in shapes)
        if direction in shapes:
            plain[pair.weight] = tuple(shapes[direction])
        counts[pair.form] += 1
    return CanonicalShapes(plain, members, counts["weight-norm-old"], counts["weight-norm-new"])


def _order_by_size(pair: WeightNormNames, shapes: Mapping[str, Shape]) -> tuple[str, str]:
    """Gain and direction as they are meant: in the new form, the direction is the one with more elements."""
    gain, direction = pair.names
    if pair.form == "weight-norm-old" or gain not in shapes or direction not in shapes:
        return gain, direction
    if prod(shapes[gain]) > prod(shapes[direction]):
        return direction, gain
    return gain, direction


def to_torch_shape(name: str, shape: Shape, transposed: Callable[[str], bool]) -> Shape:
    """The torch-layout shape of a weight whose stored shape is read as MLX's."""
    if name.endswith((".weight", ".weight_orig")):
        if len(shape) == 3:
            return (
                (shape[2], shape[0], shape[1])
                if transposed(name)
                else (shape[0], shape[2], shape[1])
            )
        if len(shape) == 4:
            return (shape[0], shape[3], shape[1], shape[2])
    if name.endswith((".alpha", ".beta")) and len(shape) == 3 and shape[1] == 1:
        return (shape[0], shape[2], shape[1])  # a channel axis that moved with the activations'
    return shape


@dataclass(frozen=True)
class Shapes(Mapping[str, Shape]):
    """Canonical names and torch-layout shapes, with the questions that a family asks of them.

    Attributes:
        guesses: Names that were asked for and are absent, where a default was taken instead.
    """

    shapes: Mapping[str, Shape]
    guesses: list[str] = field(default_factory=list)

    def __getitem__(self, name: str) -> Shape:
        return self.shapes[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.shapes)

    def __len__(self) -> int:
        return len(self.shapes)

    def find(self, *places: tuple[str, int]) -> int | None:
        """The size at the first of these (name, axis) places that exists."""
        for name, axis in places:
            shape = self.shapes.get(name)
            if shape is not None and -len(shape) <= axis < len(shape):
                return shape[axis]
        return None

    def size(self, *places: tuple[str, int], default: int) -> int:
        """Like `find`; the default, and a note of it, if there is none."""
        axis_size = self.find(*places)
        if axis_size is None:
            self.guesses.append(places[0][0])
            return default
        return axis_size

    def count(self, stem: str) -> int:
        """One more than the largest number that follows `stem` in a name: `count("ups.")` of `ups.0.bias`, `ups.3.bias` is 4.

        Numbers above `MAX_INDEX` are no layer's.
        """
        names, start = self._names_in_order, len(stem)
        index, largest = bisect_left(names, stem), -1
        while index < len(names) and names[index].startswith(stem):
            digits = names[index][start : start + 5].partition(".")[0]
            if digits.isascii() and digits.isdecimal() and int(digits) <= MAX_INDEX:
                largest = max(largest, int(digits))
            index += 1
        return largest + 1

    def has(self, *stems: str) -> bool:
        """Whether any name starts with one of these."""
        names = self._names_in_order
        for stem in stems:
            index = bisect_left(names, stem)
            if index < len(names) and names[index].startswith(stem):
                return True
        return False

    @cached_property
    def _names_in_order(self) -> list[str]:
        return sorted(self.shapes)
