"""Run one module alone on the other side's inputs: an error that appears then is the module's own.

In: the places at which a run on the other side's tensors shows errors. Out: the places that this
confirms, and further ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from auscult.comparison.align.axes import AxisOrder, to_candidate_order
from auscult.comparison.locate.places import FaultPlace
from auscult.comparison.measure.distance import measure_array_distance
from auscult.comparison.measure.floor import NoiseFloor
from auscult.comparison.measure.tensor_comparisons import TensorComparison, TensorComparisons
from auscult.comparison.modules import ModuleTree
from auscult.errors import AuscultError
from auscult.runtime.runner import Runner
from auscult.weights import Array

MAX_MODULE_RUNS = 64
"""Modules that are run alone.

Chosen, not measured.
"""


@dataclass(frozen=True, eq=False)
class ModuleInjector:
    """Feeds modules of the candidate with the reference's inputs.

    Attributes:
        local, whole: Floors of a single layer on exact inputs, and of the whole run, which holds
            for a module of several.
    """

    runner: Runner
    reference: ModuleTree
    candidate: ModuleTree
    orders: Mapping[int, AxisOrder]
    local: NoiseFloor
    whole: NoiseFloor

    def confirm_places(
        self, places: list[FaultPlace], comparisons: TensorComparisons
    ) -> list[FaultPlace]:
        """Leave out outputs that are right on the reference's exact inputs, and add those of layers
        that were fed wrong.

        Replacing outputs does not reach what the code between the modules computes: a step of a
        schedule may be off by one rounding, which a layer behind it magnifies. And a layer that
        takes something wrong may be wrong itself.
        """
        confirmed_places, run_count = [], 0
        for place in places:
            inputs = _list_inputs(comparisons, place.comparison)
            has_inexact_inputs = any(comparison.error > 0 for comparison in inputs)
            if place.comparison.is_output and has_inexact_inputs and run_count < MAX_MODULE_RUNS:
                run_count += 1
                own_run = self.compare_alone(place.comparison)
                if own_run is not None and not own_run.comparison.differs:
                    continue
            confirmed_places.append(place)
        fed_wrong = [
            comparison
            for comparison in comparisons.all
            if self._is_fed_wrong(comparisons, comparison)
        ]
        for comparison in fed_wrong[: MAX_MODULE_RUNS - run_count]:
            own_run = self.compare_alone(comparison)
            if own_run is not None and own_run.comparison.differs:
                confirmed_places.append(own_run)
        return sorted(confirmed_places, key=lambda place: place.comparison.order)

    def _is_fed_wrong(self, comparisons: TensorComparisons, comparison: TensorComparison) -> bool:
        """Whether it is the output of a single layer whose inputs differ."""
        if comparison.role != "output" or comparison.pair.a in self.reference.children:
            return False
        return any(other.differs for other in _list_inputs(comparisons, comparison))

    def compare_alone(self, comparison: TensorComparison) -> FaultPlace | None:
        """The same output, compared and kept as the module gives it when it is run alone; None where
        it cannot be.
        """
        if not comparison.pair.is_single:
            return None
        path, path_cand = comparison.pair.a, comparison.pair.b
        reference_output = self.reference.modules[path].by_key.get(
            (comparison.call, comparison.role)
        )
        input_by_role = self._collect_inputs(comparison)
        if reference_output is None or reference_output.stored != "full" or not input_by_role:
            return None
        try:
            outputs = self.runner.call(path_cand, input_by_role, call=comparison.candidate_call)
        except AuscultError:
            return None  # this module cannot be run alone: what the whole run showed stands
        candidate_output = outputs.get(comparison.candidate_role)
        if candidate_output is None:
            return None
        reference_array = self.reference.trace.tensor(reference_output)
        floor = self.local
        if path in self.reference.children:
            floor = self.whole
        own_comparison = replace(
            comparison,
            distance=measure_array_distance(reference_array, candidate_output, self.orders),
            floor=floor.at(reference_output),
            limit=floor.limit(reference_output),
        )
        return FaultPlace(own_comparison, own_output=candidate_output)

    def _collect_inputs(self, comparison: TensorComparison) -> dict[str, Array] | None:
        """The reference's inputs of a call in the candidate's order of axes, by the candidate's
        roles; None where one is missing.
        """
        a, b = self.reference.modules[comparison.pair.a], self.candidate.modules[comparison.pair.b]
        candidate_input_by_role = {
            record.role: record for record in b.roles("input", comparison.candidate_call)
        }
        input_by_role: dict[str, Array] = {}
        for record in a.roles("input", comparison.call):
            candidate_input = candidate_input_by_role.get(record.role)
            if candidate_input is None or record.stored != "full":
                return None
            input_by_role[candidate_input.role] = to_candidate_order(
                self.reference.trace.tensor(record), candidate_input.shape, self.orders
            )
        return input_by_role


def _list_inputs(
    comparisons: TensorComparisons, comparison: TensorComparison
) -> tuple[TensorComparison, ...]:
    """The comparisons of what the same call took."""
    return comparisons.inputs(comparison.pair.a, comparison.call)
