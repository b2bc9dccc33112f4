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
from functools import partial
from typing import Any, Protocol, cast

import numpy as np

from auscult import plugins
from auscult.align.compare import PairOutcome, TensorValues
from auscult.align.explain import explain_array
from auscult.align.features import FeatureIndex
from auscult.align.formats import NumberFormat
from auscult.align.ledger import Ledger, add_quantization_ops
from auscult.align.lossy import is_identifying
from auscult.align.records import Match
from auscult.align.side import CheckpointSide
from auscult.errors import RecipeError
from auscult.recipe.op import Op
from auscult.verdict import Equality
from auscult.weights import Array

_HYPOTHESES_FOLDER = "auscult.align.hypotheses"


@dataclass(frozen=True)
class Proposal:
    """A claim: `ops` on the sources give the targets.

    Attributes:
        named: The names alone suggest it, so that it stands (as a difference) even if the elements refute it.
        computed: The ops compute new values rather than move old ones; their rounding is allowed for.
        compute: Gives the targets' values where no legal operation does; what fits is explained, and yet DIFFERENT from what
            `ops` give.
        result_format: The number format in which `compute` gives its values; none: that of the coarsest source.
    """

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    ops: tuple[Op, ...]
    cause: str | None
    fault: bool = False
    named: bool = False
    computed: bool = False
    compute: Callable[[Sequence[Array]], list[Array]] | None = None
    result_format: Callable[[Array], NumberFormat] | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)


class Hypothesis(Protocol):
    """The names that a hypothesis module has."""

    PRIORITY: int
    BOTH_WAYS: bool

    def propose(self, view: HypothesisView) -> Iterator[Proposal]: ...


class HypothesisView:
    """Both sides as a hypothesis sees them: sources on `x`, targets on `y`, whichever file that is."""

    def __init__(self, ledger: Ledger, *, forward: bool) -> None:
        self.ledger = ledger
        self.forward = forward
        self.x: CheckpointSide
        self.y: CheckpointSide
        if forward:
            self.x, self.y = ledger.a, ledger.b
        else:
            self.x, self.y = ledger.b, ledger.a
        self._index: FeatureIndex | None = None
        self._renaming = ledger.renaming if forward else ledger.renaming_back

    def expected(self, name: str) -> Iterator[str]:
        """Names of targets without a partner that `name` of side x (it need not exist) may correspond to."""
        visited_names = set()
        for predicted_name in (*self._renaming.predict_names(name), name):
            if predicted_name in self.y.left and predicted_name not in visited_names:
                visited_names.add(predicted_name)
                yield predicted_name

    def translate_name(self, name: str) -> Iterator[str]:
        """What `name` (a module, or part of a tensor's name) is called on side y, taken or not; the likeliest first."""
        yield from dict.fromkeys((*self._renaming.predict_names(name), name))

    def find_similar(self, array: Array) -> list[str]:
        """Targets without a partner whose content resembles `array`, up to a permutation and rounding."""
        from auscult.align.features import compute_features
        from auscult.align.moves import sort_sides

        if self._index is None:
            self._index = FeatureIndex(
                self.y, [name for name in self.y.list_remaining() if is_identifying(self.y, name)]
            )
        names = self._index.nearest(sort_sides(array.shape), compute_features(array))
        return [name for name in names if name in self.y.left]

    def partner(self, source: str) -> str | None:
        """The name on side y that a name on side x is matched with."""
        if self.forward:
            return self.ledger.partner.get(source)
        return self.ledger.reverse.get(source)


def match_derived(ledger: Ledger) -> None:
    """Ask every hypothesis, confirm what it proposes, and keep what names suggest but the elements refute."""
    modules = [cast(Hypothesis, module) for module in plugins.import_modules(_HYPOTHESES_FOLDER)]
    refuted_matches: list[Match] = []
    for module in sorted(modules, key=lambda module: module.PRIORITY):
        directions = [True]
        if module.BOTH_WAYS:
            directions.append(False)
        for forward in directions:
            view = HypothesisView(ledger, forward=forward)
            for proposal in module.propose(view):
                if _is_open(view, proposal):
                    match = confirm_proposal(view, proposal)
                    if match is None:
                        continue
                    if match.by == "name":
                        refuted_matches.append(match)
                    else:
                        ledger.settle(match)
    ledger.refuted_matches = refuted_matches


def _is_open(view: HypothesisView, proposal: Proposal) -> bool:
    return all(name in view.x.left for name in proposal.sources) and all(
        name in view.y.left for name in proposal.targets
    )


def confirm_proposal(view: HypothesisView, proposal: Proposal) -> Match | None:
    """Compute the candidate and compare it with its targets; a refuted one is a DIFFERENT match if names suggest it."""
    sources = [view.x.values(name) for name in proposal.sources]
    arrays = [values.array for values in sources]
    try:
        if proposal.compute:
            results = proposal.compute(arrays)
        else:
            results = _apply_ops(proposal.ops, arrays)
    except (
        RecipeError
    ):  # the shapes or dtypes do not fit the operation: the candidate is no explanation
        return None
    coarsest = max(
        (values.format for values in sources), key=lambda number_format: number_format.coarseness
    )
    make_format = proposal.result_format or partial(_derive_result_format, coarsest)
    outcomes = []
    for result, target in zip(results, proposal.targets, strict=True):
        outcome = explain_array(
            TensorValues(result, make_format(result)),
            view.y.values(target),
            computed=proposal.computed,
        )
        if outcome is None:
            if proposal.named:
                return _build_refuted_match(view, proposal)
            return None
        outcomes.append(outcome)
    legal_error = 0.0
    if proposal.compute:
        legal_result = _apply_ops(proposal.ops, arrays)[0].astype(np.float64)
        legal_error = float(
            np.linalg.norm(results[0] - legal_result)
            / max(float(np.linalg.norm(results[0])), 1e-300)
        )
    return _build_match(view, proposal, outcomes, legal_error)


def _apply_ops(ops: Sequence[Op], arrays: list[Array]) -> list[Array]:
    for op in ops:
        arrays = op.apply(arrays)
    return arrays


def _derive_result_format(source: NumberFormat, result: Array) -> NumberFormat:
    """The format of a computed tensor: an integer format's steps do not survive, their size does as a relative error."""
    if source.step is None:
        return source
    peak = float(abs(result).max()) if result.size else 0.0
    return NumberFormat(source.name, eps=0.0, tiny=peak / 127)


def _build_match(
    view: HypothesisView, proposal: Proposal, outcomes: list[PairOutcome], legal_error: float
) -> Match:
    equality = max((outcome.equality for outcome in outcomes), key=list(Equality).index)
    worst_outcome = max(outcomes, key=lambda outcome: outcome.error)
    formats = [outcome.number_format for outcome in outcomes if outcome.number_format]
    ops, ops_after = proposal.ops, tuple(outcome.ops for outcome in outcomes)
    if len({_make_ops_key(target_ops) for target_ops in ops_after}) == 1:
        ops, ops_after = (*ops, *ops_after[0]), ()
    error = worst_outcome.error
    if (
        proposal.compute
    ):  # no legal operation does this: the tensors belong together and are not equal
        ops, equality, error = (), Equality.DIFFERENT, legal_error
    backward, evidence = False, dict(proposal.evidence)
    if not view.forward:
        try:
            if ops_after:
                raise RecipeError("leads to several targets by different ways")
            inverse_ops = tuple(op.undo() for op in reversed(ops))
            if not all(
                op.lossless for op in ops
            ):  # the way back leaves something free, as the scale of v in a weight norm
                evidence["confirmed"] = "from b to a"
            ops = inverse_ops
        except RecipeError:
            backward = True
    if view.forward:
        a, b = (proposal.sources, proposal.targets)
    else:
        a, b = (proposal.targets, proposal.sources)
    if len(a) == len(b) == 1:
        ops = add_quantization_ops(view.ledger.a.tensor(a[0]), view.ledger.b.tensor(b[0]), ops)
    return Match(
        a, b, ops, equality, "content", error, formats[0] if formats else None, proposal.cause, proposal.fault,
        evidence, backward, ops_after,
    )  # fmt: skip


def _make_ops_key(ops: Sequence[Op]) -> str:
    return repr([op.to_json() for op in ops])


def _build_refuted_match(view: HypothesisView, proposal: Proposal) -> Match:
    if view.forward:
        a, b = (proposal.sources, proposal.targets)
    else:
        a, b = (proposal.targets, proposal.sources)
    return Match(
        a,
        b,
        proposal.ops,
        Equality.DIFFERENT,
        "name",
        1.0,
        None,
        proposal.cause,
        evidence=dict(proposal.evidence),
        backward=not view.forward,
    )
