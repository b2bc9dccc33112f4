"""Write a tensor as a short expression over tensors that were known before: `leaky_relu(mean(a, b, c), 0.1)`.

What the reference's code does between two modules is found from the reference's trace, what the candidate's does from the
candidate's; the difference of the two expressions is the mistake.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, combinations, permutations

import numpy as np

from auscult.explain.algebra.activations import Activation, candidates, usual_factor
from auscult.explain.algebra.nearness import error, oriented, real
from auscult.explain.algebra.sums import sums
from auscult.weights import Array

MAX_SINGLES = 24  # the latest tensors of the context that are tried
MAX_PAIRED = 10
MAX_JOINED = 12
MAX_CONCATENATED = 6
MIN_CORRELATION = 0.55
SCREEN = 2048  # elements on which an expression is tried before all are
Axis = int


@dataclass(frozen=True)
class Expression:
    """activation(join(terms)).

    Attributes:
        join: `one`, `sum`, `difference`, `mean`, `concat`, `product`, `gate` (one half times an activated half is not tried).
        axis: Of a concatenation.
        factors: Of the terms of a weighted sum, fitted; of equal terms, the share that each has.
    """

    terms: tuple[str, ...]
    join: str
    activation: Activation
    error: float = 0.0
    axis: int | None = None
    factors: tuple[float, ...] = ()

    @property
    def complexity(self) -> float:
        free = self.activation.fitted + len(self.factors) / 2
        return (
            len(self.terms)
            + (self.join not in {"one", "sum", "concat"})
            + (self.activation.name != "identity")
            + 2 * free
        )

    @property
    def says(self) -> str:
        names = ", ".join(self.terms)
        if self.factors:
            names = ", ".join(
                f"{f:.6g} * {t}" for f, t in zip(self.factors, self.terms, strict=False)
            )
        inner = names if self.join == "one" else f"{self.join}({names})"
        if self.activation.name == "identity":
            return inner
        if self.activation.name == "scale":
            return f"{self.activation.constant:.6g} * {inner}"
        name, _, constant = self.activation.says.partition("(")
        return f"{name}({inner}{', ' + constant if constant else ')'}"


@dataclass(frozen=True, eq=False)
class _Base:
    terms: tuple[str, ...]
    join: str
    values: Array
    axis: int | None = None
    factors: tuple[float, ...] = ()


def expressions(
    target: Array,
    context: Mapping[str, Array],
    limit: float,
    alone: Mapping[str, Array] | None = None,
) -> list[Expression]:
    """Expressions that give the target within that relative error, the simplest and nearest first.

    Args:
        context: Tensors known before, oldest first; later ones are tried first.
        alone: Further tensors, tried only by themselves.
    """
    if target.dtype.kind not in "f" and target.dtype.name != "bfloat16":
        return []
    wanted = real(target)
    spots = _spots(wanted)
    found: list[Expression] = []
    for base in chain(_alone(wanted, alone or {}), _bases(wanted, context, spots)):
        for activation in _screened(
            base.values.ravel()[spots], wanted.ravel()[spots], limit, alone=base.join == "one"
        ):
            if activation.name == "scale" and _is_count(activation.constant or 0.0, base):
                continue  # the sum of n is not n times their mean, but their sum
            missed = error(activation.function(base.values), wanted)
            if missed <= limit:
                found.append(
                    Expression(base.terms, base.join, activation, missed, base.axis, base.factors)
                )
        if any(e.complexity <= 1 and e.error < limit / 10 for e in found):
            break
    if not found:
        found = list(_weighted(wanted, spots, context, limit))
    return sorted(
        (_named(one, {**context, **(alone or {})}) for one in found),
        key=lambda e: (e.complexity, e.error),
    )


def _is_count(factor: float, base: _Base) -> bool:
    count = len(base.terms)
    return base.join in {"sum", "mean"} and min(abs(factor - count), abs(factor * count - 1)) < 1e-4


def _named(one: Expression, context: Mapping[str, Array]) -> Expression:
    """With its terms in the order in which they were computed, where that does not matter."""
    order = {name: index for index, name in enumerate(context)}
    if one.factors or one.join not in {"one", "sum", "mean"}:
        return one
    return replace(one, terms=tuple(sorted(one.terms, key=order.__getitem__)))


def _weighted(
    wanted: Array, spots: Array, context: Mapping[str, Array], limit: float
) -> Iterator[Expression]:
    """a * one + b * two, perhaps under a mask, with factors fitted to the drawn elements."""
    identity = Activation("identity", lambda x: x)
    for base in _bases(wanted, context, spots, weighted=True):
        parts = base.values.reshape(2, -1)
        solution, *_ = np.linalg.lstsq(parts[:, spots].T, wanted.ravel()[spots], rcond=None)
        if (np.abs(solution) > 1e-6).all():
            factors = tuple(usual_factor(float(f)) for f in solution)
            missed = error((np.array(factors) @ parts).reshape(wanted.shape), wanted)
            if missed <= limit:
                yield Expression(base.terms, base.join, identity, missed, None, factors)


def _spots(wanted: Array) -> Array:
    if wanted.size <= SCREEN:
        return np.arange(wanted.size)
    return np.sort(np.random.default_rng(0).choice(wanted.size, SCREEN, replace=False))


def _screened(x: Array, y: Array, limit: float, *, alone: bool) -> Iterator[Activation]:
    """Functions that give the drawn elements y from x within a few times the limit.

    Of joined tensors (not `alone`) only those are tried that go roughly with the target, as any usual activation's input does.
    """
    if not alone and not _goes_with(x, y):
        return
    finite = np.isfinite(y).all()
    power = float(np.dot(y, y)) if finite else 0.0
    allowed = (3 * limit + 1e-12) ** 2 * power
    for activation in candidates(x, y):
        with np.errstate(all="ignore"):
            made = activation.function(x)
            if finite and power:
                missed = made - y
                fits = float(np.dot(missed, missed)) <= allowed
            else:
                fits = error(made, y) <= 3 * limit + 1e-12
        if fits:
            yield activation


def _goes_with(x: Array, y: Array) -> bool:
    with np.errstate(all="ignore"):
        one, two = x - x.mean(), y - y.mean()
        product = float(np.dot(one, two))
        return product**2 > MIN_CORRELATION**2 * float(np.dot(one, one)) * float(np.dot(two, two))


def _bases(
    wanted: Array, context: Mapping[str, Array], spots: Array, *, weighted: bool = False
) -> Iterator[_Base]:
    latest = [
        name
        for name, value in context.items()
        if value.dtype.kind == "f" or value.dtype.name == "bfloat16"
    ][::-1][:MAX_SINGLES]
    held = {name: real(context[name]) for name in latest}
    alike = {
        name: fit
        for name, value in held.items()
        for fit in [_fitted(wanted, value)]
        if fit is not None
    }
    if weighted:
        yield from _pairs(wanted, context, alike)
        return
    for name, value in alike.items():
        yield _Base((name,), "one", value)
    whole = list(alike)
    whole = whole[:MAX_JOINED]
    for count in range(
        3, len(whole) + 1
    ):  # branches that end together: sums and means of neighbours, latest first
        for start in range(len(whole) - count + 1):
            group = whole[start : start + count]
            total = np.sum([alike[name] for name in group], axis=0)
            yield _Base(tuple(group), "sum", total)
            yield _Base(tuple(group), "mean", total / count)
    for one, two in combinations(whole[:MAX_PAIRED], 2):
        yield _Base((one, two), "sum", alike[one] + alike[two])
        yield _Base((one, two), "mean", (alike[one] + alike[two]) / 2)
        yield _Base((one, two), "difference", alike[one] - alike[two])
        yield _Base((two, one), "difference", alike[two] - alike[one])
    yield from _shared(wanted, alike, spots)
    yield from _products(wanted, context, alike)
    yield from _concatenations(wanted, held)


def _shared(wanted: Array, alike: Mapping[str, Array], spots: Array) -> Iterator[_Base]:
    """Sums of tensors that are no neighbours, each with the same share."""
    drawn = {name: value.ravel()[spots] for name, value in alike.items()}
    for terms, factor in sums(wanted.ravel()[spots], drawn):
        total = np.sum([alike[name] for name in terms], axis=0)
        share = usual_factor(factor)
        if len(terms) == 1 and share != 1:
            yield _Base(terms, "one", share * total, factors=(share,))
        elif len(terms) > 1 and abs(share * len(terms) - 1) < 1e-4:
            yield _Base(terms, "mean", total / len(terms))
        elif share == 1:
            yield _Base(terms, "sum", total)
        else:
            yield _Base(terms, "sum", share * total, factors=(share,) * len(terms))


def _alone(wanted: Array, tensors: Mapping[str, Array]) -> Iterator[_Base]:
    for name, value in tensors.items():
        if value.dtype.kind == "f" and (fit := _fitted(wanted, real(value))) is not None:
            yield _Base((name,), "one", fit)


def _pairs(
    wanted: Array, context: Mapping[str, Array], alike: Mapping[str, Array]
) -> Iterator[_Base]:
    """Two tensors each, one above the other, for a fit of their factors."""
    masks = {
        name: spread
        for name, factor in context.items()
        if (spread := _mask(factor, wanted.shape)) is not None
    }
    for one, two in combinations(list(alike)[:MAX_PAIRED], 2):
        yield _Base((one, two), "sum", np.stack([alike[one], alike[two]]))
        for name, spread in masks.items():
            yield _Base(
                (one, two, name), "masked sum", np.stack([alike[one] * spread, alike[two] * spread])
            )


def _mask(factor: Array, shape: tuple[int, ...]) -> Array | None:
    """Zeros and ones that can lie over that shape, unless they are all ones."""
    if not np.isin(factor, (0, 1)).all() or factor.all():
        return None
    return broadcast(real(factor), shape)


def _fitted(wanted: Array, value: Array) -> Array | None:
    """The value in the target's shape: as it is, with its axes in another order, or with axes of length one."""
    if value.shape == wanted.shape:
        return value
    if value.size != wanted.size:
        return (
            broadcast(value, wanted.shape)
            if value.ndim > 1 and 1 < value.size < wanted.size
            else None
        )
    turned = oriented(wanted, value)
    return turned if turned.shape == wanted.shape else None


def _products(
    wanted: Array, context: Mapping[str, Array], alike: Mapping[str, Array]
) -> Iterator[_Base]:
    """Each tensor times each other one that is broadcast over it: masks, gains, gates. A mask that keeps all is no product."""
    names = list(alike)[:MAX_PAIRED]
    for other, factor in context.items():
        spread = broadcast(real(factor), wanted.shape)
        if spread is None or (spread == 1).all():
            continue
        for name in names:
            if name != other:
                yield _Base((name, other), "product", alike[name] * spread)
        if np.isin(factor, (0, 1)).all():  # a mask may also lie on a sum
            for one, two in combinations([name for name in names if name != other], 2):
                yield _Base((one, two, other), "masked sum", (alike[one] + alike[two]) * spread)


def broadcast(mask: Array, shape: tuple[int, ...]) -> Array | None:
    """A tensor spread over that shape where its lengths occur there in order, or as [batch, time] of [batch, channels, time]."""
    if mask.size == 1 or mask.ndim > len(shape):
        return None
    if mask.shape == shape:
        return mask
    slim = [n for n in mask.shape if n != 1]
    for places in combinations(range(len(shape)), len(slim)):
        if [shape[place] for place in places] == slim:
            wide = [1] * len(shape)
            for place, length in zip(places, slim, strict=True):
                wide[place] = length
            if slim and (len(slim) > 1 or shape[0] == 1 or len(slim) == len(shape)):
                return np.broadcast_to(mask.reshape(wide), shape)
    return None


def _concatenations(wanted: Array, held: Mapping[str, Array]) -> Iterator[_Base]:
    names: Sequence[str] = [name for name, value in held.items() if value.ndim == wanted.ndim][
        :MAX_CONCATENATED
    ]
    turned = {
        name: [held[name]] if held[name].ndim < 3 else [held[name], held[name].swapaxes(1, 2)]
        for name in names
    }
    for count in (2, 3, 4):
        for group in permutations(names, count):
            for swap in (0, 1):
                parts = [turned[name][min(swap, len(turned[name]) - 1)] for name in group]
                axis = _joint(wanted.shape, [part.shape for part in parts])
                if axis is not None and (swap == 0 or parts[0].shape != turned[group[0]][0].shape):
                    yield _Base(group, "concat", np.concatenate(parts, axis), axis)


def _joint(shape: tuple[int, ...], parts: Sequence[tuple[int, ...]]) -> int | None:
    """The axis along which the parts make up that shape."""
    for axis, length in enumerate(shape):
        if sum(part[axis] for part in parts) == length and all(
            (*part[:axis], *part[axis + 1 :]) == (*shape[:axis], *shape[axis + 1 :])
            for part in parts
        ):
            return axis
    return None
