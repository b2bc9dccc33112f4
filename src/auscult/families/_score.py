"""How well a checkpoint's names and shapes fit what a family expects, and what speaks against it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from typing import NamedTuple

from auscult.families._plan import ANY_SHAPE, Plan, to_mlx_shape
from auscult.families.records import Layout
from auscult.weights import Shape

MAX_NAMES_SHOWN = 4
NAME_ONLY_WEIGHT = 0.25  # what a tensor of the right name and another shape counts
ABSENT_EVIDENCE_FACTOR = 0.5  # what each absent piece of decisive evidence leaves of the score


class SignatureFact(NamedTuple):
    """A decisive fact: names that make the family (`any_of`), or names that speak for another one (`none_of`)."""

    says: str
    any_of: tuple[str, ...] = ()
    none_of: tuple[str, ...] = ()

    def holds(self, has: Callable[..., bool]) -> bool:
        """Whether the names support it; `has` takes name beginnings."""
        return (not self.any_of or has(*self.any_of)) and not (self.none_of and has(*self.none_of))


class PlanFit(NamedTuple):
    """The comparison of one reading of a checkpoint with one plan. All names are canonical.

    `reshaped` have another shape than planned, `halved` only one tensor of their weight-norm pair.
    """

    matched: int
    missing: tuple[str, ...]
    foreign: tuple[str, ...]
    reshaped: tuple[str, ...]
    halved: tuple[str, ...]
    total: int
    absent: tuple[str, ...]

    @property
    def score(self) -> float:
        if not self.total:
            return 0.0
        return (
            (self.matched + NAME_ONLY_WEIGHT * (len(self.reshaped) + len(self.halved)))
            / self.total
            * ABSENT_EVIDENCE_FACTOR ** len(self.absent)
        )


def compare_with_plan(
    shapes: Mapping[str, Shape], plan: Plan, outside: int, absent: tuple[str, ...], halves: Set[str]
) -> PlanFit:
    """Compare torch-layout shapes with a plan.

    `outside` counts the checkpoint's tensors that do not have the prefix, `halves` are the weight-norm pairs of which one
    tensor is absent.
    """
    matched = optional_absent = 0
    missing, reshaped, halved = [], [], []
    for name, planned in plan.items():
        stored_shape = shapes.get(name)
        if stored_shape is None:
            if planned.optional:
                optional_absent += 1
            else:
                missing.append(name)
        elif name in halves:
            halved.append(name)
        elif planned.shape in {stored_shape, ANY_SHAPE}:
            matched += 1
        else:
            reshaped.append(name)
    foreign = tuple(name for name in shapes if name not in plan)
    total = len(plan) - optional_absent + len(foreign) + outside
    return PlanFit(matched, tuple(missing), foreign, tuple(reshaped), tuple(halved), total, absent)


def describe_fit(
    result: PlanFit,
    plan: Plan,
    stored: Mapping[str, Shape],
    layout: Layout,
    *,
    guesses: list[str],
    outside: int,
) -> tuple[str, ...]:
    """What a person should know about an imperfect fit."""
    lines = list(result.absent)
    if result.missing:
        lines.append(
            f"{_count_tensors(result.missing)} expected and not here: {_join_some(result.missing)}"
        )
    if result.halved:
        lines.append(f"one half of a weight-norm pair is not here: {_join_some(result.halved)}")
    if result.reshaped:
        name = result.reshaped[0]
        expected = to_mlx_shape(plan[name]) if layout == "mlx" else plan[name].shape
        lines.append(
            f"{_count_tensors(result.reshaped)} of another shape, such as {name} {list(stored[name])} where {list(expected)} is expected"
        )
    if result.foreign:
        lines.append(
            f"{_count_tensors(result.foreign)} that this family does not have: {_join_some(result.foreign)}"
        )
    if outside:
        lines.append(f"{outside} tensors outside the part that fits")
    guessed = [name for name in dict.fromkeys(guesses) if name in result.missing]
    if guessed:
        lines.append(f"sizes guessed for want of {_join_some(guessed)}")
    return tuple(lines)


def _count_tensors(names: tuple[str, ...]) -> str:
    return f"{len(names)} tensor{'' if len(names) == 1 else 's'}"


def _join_some(names: tuple[str, ...] | list[str]) -> str:
    return ", ".join(names[:MAX_NAMES_SHOWN]) + (", ..." if len(names) > MAX_NAMES_SHOWN else "")
