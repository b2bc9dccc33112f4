"""Make a layer case of a place at which an error is born: what was there before it, on both sides, and what came out."""

from __future__ import annotations

from dataclasses import replace

from auscult.comparison.align.directions import is_bidirectional
from auscult.comparison.fault_cases import CaseMaterial, TensorPlace, build_layer_case
from auscult.comparison.locate.aligned_sides import AlignedSides
from auscult.comparison.locate.places import FaultPlace
from auscult.comparison.measure.directions import DirectionMatcher, list_partners
from auscult.comparison.modules import ModuleTree
from auscult.explain.algebra.norms import invert_batch_norm
from auscult.explain.case import LayerCase
from auscult.traces.records import Trace


def build_located_case(
    sides: AlignedSides, reference: Trace, candidate: Trace, place: FaultPlace
) -> LayerCase | None:
    pair, comparison = place.comparison.pair, place.comparison
    if pair.join == "concat":
        return None
    if pair.join == "directions" and comparison.is_output:
        return _build_directions_case(sides, reference, candidate, place)
    if (
        comparison.is_output
        and (case := _build_unfolded_case(sides, reference, candidate, place)) is not None
    ):
        return case
    if comparison.is_output:
        return _build_path_case(sides, reference, candidate, place, (pair.a, pair.b))
    return _build_path_case(
        sides, reference, candidate, place, (pair.reference[0], pair.candidate[0])
    )


def _build_directions_case(
    sides: AlignedSides, reference: Trace, candidate: Trace, place: FaultPlace
) -> LayerCase | None:
    """The case of a layer of two directions; the candidate's output is what it hands on behind its one-way modules.

    None where it is the candidate that has the layer as one module.
    """
    pair, comparison, orders = place.comparison.pair, place.comparison, sides.alignment.orders
    trees = ModuleTree.of(reference), ModuleTree.of(candidate)
    matcher = DirectionMatcher(*trees, orders, list_partners(sides.alignment.pairs))
    output = trees[0].modules[pair.a].output(comparison.call)
    if output is None or not is_bidirectional(trees[0], pair.a):
        return None
    handed_on = matcher.find_handed_on(pair, output)
    if handed_on is None:
        return None
    material = CaseMaterial(
        reference, candidate, sides.alignment.names, sides.runs.reference_runner, orders
    )
    case = build_layer_case(
        material,
        TensorPlace(
            pair.a, handed_on.path, "output", comparison.call, handed_on.role, handed_on.call
        ),
    )
    if case is None:
        return None
    return replace(
        case,
        candidate_path=pair.b,
        candidate_module=candidate.manifest.modules.get(pair.b),
        rerun=None,
    )


def _build_path_case(
    sides: AlignedSides,
    reference: Trace,
    candidate: Trace,
    place: FaultPlace,
    paths: tuple[str, str],
) -> LayerCase | None:
    """The case of a place, at these modules of the reference and the candidate."""
    comparison, alignment = place.comparison, sides.alignment
    return build_layer_case(
        CaseMaterial(
            reference, candidate, alignment.names, sides.runs.reference_runner, alignment.orders
        ),
        TensorPlace(
            *paths,
            comparison.role,
            comparison.call,
            comparison.candidate_role,
            comparison.candidate_call,
        ),
    )


def _build_unfolded_case(
    sides: AlignedSides, reference: Trace, candidate: Trace, place: FaultPlace
) -> LayerCase | None:
    """Of a layer with a batch norm behind it, which the candidate has folded into one: the layer's
    own output, unfolded.
    """
    pair, runner = place.comparison.pair, sides.runs.reference_runner
    if runner is None or len(pair.reference) != 2 or len(pair.candidate) != 1:
        return None
    case = _build_path_case(sides, reference, candidate, place, (pair.reference[0], pair.b))
    if case is None:
        return None
    unfolded_output = invert_batch_norm(
        runner.module(pair.a), runner.weights(pair.a), case.candidate
    )
    if unfolded_output is None:
        return None
    return replace(case, candidate=unfolded_output.astype(case.reference.dtype))
