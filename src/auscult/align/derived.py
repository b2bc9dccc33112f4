"""The derived level: tensors of one side that follow from several of the other, or from a rearrangement of their elements.

A hypothesis is one file in `align/hypotheses/`, found by its folder, with

    PRIORITY = 10                                     # lower goes first
    BOTH_WAYS = True                                  # also look for sources on side b and targets on side a
    def propose(view: View) -> Iterator[Candidate]

It proposes by names and shapes, cheaply; this module computes each candidate and confirms it on the elements, so that no
hypothesis can accept anything by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

import numpy as np

from auscult import plugins
from auscult.align.compare import Outcome, Values
from auscult.align.explain import explain
from auscult.align.features import Index
from auscult.align.formats import Format
from auscult.align.ledger import Ledger, stored_ops
from auscult.align.lossy import identifying
from auscult.align.records import Match
from auscult.align.side import Side
from auscult.errors import RecipeError
from auscult.recipe.op import Op
from auscult.verdict import Equality
from auscult.weights import Array

_FOLDER = "auscult.align.hypotheses"


@dataclass(frozen=True)
class Candidate:
    """A claim: `ops` on the sources give the targets.

    Attributes:
        named: The names alone suggest it, so that it stands (as a difference) even if the elements refute it.
        computed: The ops compute new values rather than move old ones; their rounding is allowed for.
        compute: Gives the targets' values where no legal operation does; what fits is explained, and yet DIFFERENT from what
            `ops` give.
    """

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    ops: tuple[Op, ...]
    cause: str | None
    fault: bool = False
    named: bool = False
    computed: bool = False
    compute: Callable[[Sequence[Array]], list[Array]] | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)


class Hypothesis(Protocol):
    """The names that a hypothesis module has."""

    PRIORITY: int
    BOTH_WAYS: bool

    def propose(self, view: View) -> Iterator[Candidate]: ...


class View:
    """Both sides as a hypothesis sees them: sources on `x`, targets on `y`, whichever file that is."""

    def __init__(self, ledger: Ledger, *, forward: bool) -> None:
        self.ledger = ledger
        self.forward = forward
        self.x: Side = ledger.a if forward else ledger.b
        self.y: Side = ledger.b if forward else ledger.a
        self._index: Index | None = None
        self._renaming = ledger.renaming if forward else ledger.back

    def expected(self, name: str) -> Iterator[str]:
        """Names of targets without a partner that `name` of side x (it need not exist) may correspond to."""
        seen = set()
        for other in (*self._renaming.predict(name), name):
            if other in self.y.left and other not in seen:
                seen.add(other)
                yield other

    def translated(self, name: str) -> Iterator[str]:
        """What `name` (a module, or part of a tensor's name) is called on side y, taken or not; the likeliest first."""
        yield from dict.fromkeys((*self._renaming.predict(name), name))

    def similar(self, array: Array) -> list[str]:
        """Targets without a partner whose content resembles `array`, up to a permutation and rounding."""
        from auscult.align.features import features
        from auscult.align.moves import sides

        if self._index is None:
            self._index = Index(
                self.y, [name for name in self.y.remaining() if identifying(self.y, name)]
            )
        names = self._index.nearest(sides(array.shape), features(array))
        return [name for name in names if name in self.y.left]

    def partner(self, source: str) -> str | None:
        """The name on side y that a name on side x is matched with."""
        return self.ledger.partner.get(source) if self.forward else self.ledger.reverse.get(source)


def match_derived(ledger: Ledger) -> None:
    """Ask every hypothesis, confirm what it proposes, and keep what names suggest but the elements refute."""
    modules = [cast(Hypothesis, module) for module in plugins.modules(_FOLDER)]
    refuted: list[Match] = []
    for module in sorted(modules, key=lambda module: module.PRIORITY):
        for forward in (True, False) if module.BOTH_WAYS else (True,):
            view = View(ledger, forward=forward)
            for candidate in module.propose(view):
                if _open(view, candidate):
                    match = confirm(view, candidate)
                    if match is None:
                        continue
                    if match.by == "name":
                        refuted.append(match)
                    else:
                        ledger.settle(match)
    ledger.refuted = refuted


def _open(view: View, candidate: Candidate) -> bool:
    return all(name in view.x.left for name in candidate.sources) and all(
        name in view.y.left for name in candidate.targets
    )


def confirm(view: View, candidate: Candidate) -> Match | None:
    """Compute the candidate and compare it with its targets; a refuted one is a DIFFERENT match if names suggest it."""
    sources = [view.x.values(name) for name in candidate.sources]
    arrays = [values.array for values in sources]
    try:
        results = candidate.compute(arrays) if candidate.compute else _run(candidate.ops, arrays)
    except (
        RecipeError
    ):  # the shapes or dtypes do not fit the operation: the candidate is no explanation
        return None
    coarsest = max((values.format for values in sources), key=lambda kind: kind.coarseness)
    outcomes = []
    for result, target in zip(results, candidate.targets, strict=True):
        outcome = explain(
            Values(result, _of_result(coarsest, result)),
            view.y.values(target),
            computed=candidate.computed,
        )
        if outcome is None:
            return _refuted(view, candidate) if candidate.named else None
        outcomes.append(outcome)
    wrong = 0.0
    if candidate.compute:
        right = _run(candidate.ops, arrays)[0].astype(np.float64)
        wrong = float(
            np.linalg.norm(results[0] - right) / max(float(np.linalg.norm(results[0])), 1e-300)
        )
    return _match(view, candidate, outcomes, wrong)


def _run(ops: Sequence[Op], arrays: list[Array]) -> list[Array]:
    for op in ops:
        arrays = op.apply(arrays)
    return arrays


def _of_result(source: Format, result: Array) -> Format:
    """The format of a computed tensor: an integer format's steps do not survive, their size does as a relative error."""
    if source.step is None:
        return source
    peak = float(abs(result).max()) if result.size else 0.0
    return Format(source.name, eps=0.0, tiny=peak / 127)


def _match(view: View, candidate: Candidate, outcomes: list[Outcome], wrong: float) -> Match:
    equality = max((outcome.equality for outcome in outcomes), key=list(Equality).index)
    worst = max(outcomes, key=lambda outcome: outcome.error)
    formats = [outcome.number_format for outcome in outcomes if outcome.number_format]
    ops, after = candidate.ops, tuple(outcome.ops for outcome in outcomes)
    if len({_key(extra) for extra in after}) == 1:
        ops, after = (*ops, *after[0]), ()
    error = worst.error
    if (
        candidate.compute
    ):  # no legal operation does this: the tensors belong together and are not equal
        ops, equality, error = (), Equality.DIFFERENT, wrong
    backward, evidence = False, dict(candidate.evidence)
    if not view.forward:
        try:
            if after:
                raise RecipeError("leads to several targets by different ways")
            undone = tuple(op.undo() for op in reversed(ops))
            if not all(
                op.lossless for op in ops
            ):  # the way back leaves something free, as the scale of v in a weight norm
                evidence["confirmed"] = "from b to a"
            ops = undone
        except RecipeError:
            backward = True
    a, b = (
        (candidate.sources, candidate.targets)
        if view.forward
        else (candidate.targets, candidate.sources)
    )
    if len(a) == len(b) == 1:
        ops = stored_ops(view.ledger.a.tensor(a[0]), view.ledger.b.tensor(b[0]), ops)
    return Match(
        a, b, ops, equality, "content", error, formats[0] if formats else None, candidate.cause, candidate.fault,
        evidence, backward, after,
    )  # fmt: skip


def _key(ops: Sequence[Op]) -> str:
    return repr([op.to_json() for op in ops])


def _refuted(view: View, candidate: Candidate) -> Match:
    a, b = (
        (candidate.sources, candidate.targets)
        if view.forward
        else (candidate.targets, candidate.sources)
    )
    return Match(
        a,
        b,
        candidate.ops,
        Equality.DIFFERENT,
        "name",
        1.0,
        None,
        candidate.cause,
        evidence=dict(candidate.evidence),
        backward=not view.forward,
    )
