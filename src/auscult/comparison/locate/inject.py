"""Run one module alone on the other side's own inputs: the error that appears is the module's
own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from auscult.comparison.align.axes import AxisOrder, to_candidate_order
from auscult.comparison.locate.places import FaultPlace
from auscult.comparison.measure.distance import RecordDistance, measure_array_distance
from auscult.comparison.measure.floor import NoiseFloor
from auscult.comparison.measure.tensor_comparisons import TensorComparison, TensorComparisons
from auscult.comparison.modules import ModuleTree
from auscult.errors import AuscultError
from auscult.runtime.runner import Runner
from auscult.weights import Array

MAX_MODULE_RUNS = 64
"""Modules that are run alone."""


@dataclass(frozen=True, eq=False)
class ModuleInjector:
    """Feeds modules of the candidate with the reference's inputs.

    Attributes:
        local, whole: Floors of a single layer on exact inputs, and of the whole run, which holds
            for a module of several.
    """

    runner: Runner
    ref: ModuleTree
    cand: ModuleTree
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
            has_inexact_inputs = place.comparison.is_output and any(
                r.error > 0 for r in self._inputs(comparisons, place.comparison)
            )
            if has_inexact_inputs and run_count < MAX_MODULE_RUNS:
                run_count += 1
                own_comparison = self.own(place.comparison)
                if own_comparison is not None and not own_comparison.differs:
                    continue
            confirmed_places.append(place)
        fed_wrong = [
            comparison
            for comparison in comparisons.all
            if comparison.role == "output"
            and comparison.pair.a not in self.ref.children
            and any(r.differs for r in self._inputs(comparisons, comparison))
        ]
        for comparison in fed_wrong[: MAX_MODULE_RUNS - run_count]:
            own_comparison = self.own(comparison)
            if own_comparison is not None and own_comparison.differs:
                confirmed_places.append(FaultPlace(own_comparison))
        return sorted(confirmed_places, key=lambda place: place.comparison.order)

    @staticmethod
    def _inputs(
        comparisons: TensorComparisons, comparison: TensorComparison
    ) -> tuple[TensorComparison, ...]:
        return comparisons.inputs(comparison.pair.a, comparison.call)

    def own(self, comparison: TensorComparison) -> TensorComparison | None:
        """The reading of the same output when the module is run alone; None where it cannot be."""
        if not comparison.pair.is_single:
            return None
        a, b = self.ref.modules[comparison.pair.a], self.cand.modules[comparison.pair.b]
        reference_output = a.by_key.get((comparison.call, comparison.role))
        candidate_input_by_role = {
            record.role: record for record in b.roles("input", comparison.call_cand)
        }
        input_by_role: dict[str, Array] = {}
        for record in a.roles("input", comparison.call):
            candidate_input = candidate_input_by_role.get(record.role)
            if candidate_input is None or record.stored != "full":
                return None
            input_by_role[candidate_input.role] = to_candidate_order(
                self.ref.trace.tensor(record), candidate_input.shape, self.orders
            )
        if reference_output is None or reference_output.stored != "full" or not input_by_role:
            return None
        try:
            candidate_output = self.runner.call(
                comparison.pair.b, input_by_role, call=comparison.call_cand
            ).get(comparison.role_cand)
        except AuscultError:
            return None  # this module cannot be run alone: what the whole run showed stands
        if candidate_output is None:
            return None
        gap: RecordDistance = measure_array_distance(
            self.ref.trace.tensor(reference_output), candidate_output, self.orders
        )
        floor = self.whole if comparison.pair.a in self.ref.children else self.local
        return replace(
            comparison,
            distance=gap,
            floor=floor.at(reference_output),
            limit=floor.limit(reference_output),
        )
