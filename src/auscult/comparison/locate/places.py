"""Where an error is born, and where it only passes through.

A tensor differs when its error is above the limit of the noise floor. An output that differs while
all inputs agree is born in that module; an input that differs while all that its parent knew before
agrees is born in the parent's code. In a run of the candidate by itself this tells the first fault,
and others only on branches of their own. In a run in which every layer was replaced by the
reference's (`auscult.comparison.locate.forced`) it tells all of them.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from dataclasses import dataclass, field

from auscult.comparison.measure.tensor_comparisons import TensorComparison, TensorComparisons
from auscult.comparison.modules import ModuleTree, get_base_role
from auscult.traces.records import Record
from auscult.weights import Array


@dataclass(frozen=True)
class FaultPlace:
    """A tensor at which an error is born.

    Attributes:
        parent: For an input, the module whose code hands it over; "" is the whole model.
        certain: False where an earlier fault of the same code may have left something wrong in a
            variable of its own.
        own_output: What the candidate's module gave for the reference's inputs, in its own order of axes, where it was run
            alone because it is handed something else.
    """

    comparison: TensorComparison
    parent: str = ""
    certain: bool = True
    own_output: Array | None = field(default=None, compare=False)

    @property
    def path(self) -> str:
        """The reference's module."""
        return self.comparison.pair.a

    @property
    def key(self) -> str:
        """As a trace names it."""
        return f"{self.path}#{self.comparison.call}:{self.comparison.role}"


def locate_faults(
    reference: ModuleTree, comparisons: TensorComparisons, *, forced: bool
) -> list[FaultPlace]:
    """The places at which errors are born, in the reference's order of execution.

    Args:
        comparisons: Of the candidate's own run, or of a run with every layer replaced by the
            reference's.
        forced: Which of the two.
    """
    index = _DifferenceIndex(reference, comparisons)
    places: list[FaultPlace] = []
    located_tensors: set[str] = set()
    located_inputs: set[tuple[str, str]] = set()
    for comparison in comparisons.all:
        if not comparison.differs:
            continue
        if comparison.is_output:
            place = index.find_output_place(comparison, forced=forced)
            if place is not None and comparison.pair.join == "directions":
                # What is compared there is what the next module takes.
                located_tensors.add(comparison.tensor)
        else:
            place = index.find_input_place(comparison, forced=forced)
            # One wrong tensor that several modules take is one fault, and so is one that a loop
            # takes on from step to step.
            module_input = (comparison.pair.a, comparison.role)
            if comparison.tensor in located_tensors or (forced and module_input in located_inputs):
                place = None
            located_tensors.add(comparison.tensor)
            located_inputs.add(module_input)
        if place is not None:
            places.append(place)
    return places


class _DifferenceIndex:
    """What differs, by the module in whose call it lies."""

    def __init__(self, reference: ModuleTree, comparisons: TensorComparisons) -> None:
        self.reference, self.comparisons = reference, comparisons
        self.below_orders: dict[str, list[int]] = defaultdict(list)
        """Orders of differing tensors anywhere below a module."""
        self.handed_orders: dict[str, list[int]] = defaultdict(list)
        """Orders of differing inputs of a module's own children."""
        self.windows: dict[str, dict[int, tuple[int, int]]] = {}
        for comparison in comparisons.all:
            if comparison.differs:
                self._note_difference(comparison)

    def _note_difference(self, comparison: TensorComparison) -> None:
        parent = self.find_maker(comparison)
        if parent is not None and not comparison.is_output:
            insort(self.handed_orders[parent], comparison.order)
        while parent is not None:
            insort(self.below_orders[parent], comparison.order)
            parent = self.reference.modules[parent].parent

    def find_maker(self, comparison: TensorComparison) -> str | None:
        """The module whose code makes the tensor: not one that only hands on what it was handed, as
        a Sequential does.
        """
        module = self.reference.modules[comparison.pair.reference[0]]
        record = module.by_key.get((comparison.call, comparison.role))
        parent = module.parent
        while (
            parent
            and record is not None
            and not comparison.is_output
            and self._takes_tensor(parent, record)
        ):
            parent = self.reference.modules[parent].parent
        return parent

    def _takes_tensor(self, path: str, record: Record) -> bool:
        tensor = record.same_as or record.key
        return any(
            get_base_role(other.role) == "input" and (other.same_as or other.key) == tensor
            for other in self.reference.modules[path].records
        )

    def find_output_place(self, comparison: TensorComparison, *, forced: bool) -> FaultPlace | None:
        """An output is born in its module if the module's inputs agree and nothing inside differs
        before.
        """
        path, call = comparison.pair.a, comparison.call
        inputs = self.comparisons.inputs(path, call)
        if any(other.differs for other in inputs):
            return None
        start, end = self.find_window(path, call)
        if forced:
            was_handed_wrong = _has_order_between(self.handed_orders[path], start, end)
            return FaultPlace(comparison, certain=not was_handed_wrong)
        if _has_order_between(self.below_orders[path], start, end):
            return None
        parent = self.find_maker(comparison)
        if not inputs and parent is not None:
            # Nobody recorded what came in: then nothing before it may differ.
            first, _ = self.find_window(parent, self.find_call_around(parent, comparison.order))
            if _has_order_between(self.below_orders[parent], first, comparison.order - 1):
                return None
        return FaultPlace(comparison)

    def find_input_place(self, comparison: TensorComparison, *, forced: bool) -> FaultPlace | None:
        """An input is born in the parent's code if the parent's own inputs agree and nothing that
        it knew before differs.
        """
        parent = self.find_maker(comparison)
        if parent is None:
            return None
        above = self.find_nearest_with_inputs(parent, comparison.order)
        call = self.find_call_around(above, comparison.order)
        if any(other.differs for other in self.comparisons.inputs(above, call)):
            return None
        start, _ = self.find_window(above, call)
        last_before = comparison.order - 1
        if forced:
            was_handed_wrong = _has_order_between(self.handed_orders[parent], start, last_before)
            return FaultPlace(comparison, parent, certain=not was_handed_wrong)
        if _has_order_between(self.below_orders[above], start, last_before):
            return None
        return FaultPlace(comparison, parent)

    def find_nearest_with_inputs(self, path: str, order: int) -> str:
        """The module itself, or the nearest above it, of which it is known what came in; else the
        outermost.
        """
        above = self.reference.modules[path].parent
        while above is not None and not self.comparisons.inputs(
            path, self.find_call_around(path, order)
        ):
            path, above = above, self.reference.modules[above].parent
        return path

    def find_window(self, path: str, call: int) -> tuple[int, int]:
        """Orders of the first and the last record of a call."""
        if path not in self.windows:
            windows: dict[int, tuple[int, int]] = {}
            for record in self.reference.modules[path].records:
                first, last = windows.get(record.call, (record.order, record.order))
                windows[record.call] = (min(first, record.order), max(last, record.order))
            self.windows[path] = windows
        whole_run = (0, max((comparison.order for comparison in self.comparisons.all), default=0))
        if not path:
            return whole_run
        return self.windows[path].get(call, whole_run)

    def find_call_around(self, path: str, order: int) -> int:
        """Which call of a module a record lies in."""
        self.find_window(path, 0)
        return next(
            (call for call, (start, end) in self.windows[path].items() if start <= order <= end), 0
        )


def _has_order_between(orders: list[int], start: int, end: int) -> bool:
    """Whether one of the sorted orders lies in start..end."""
    return bisect_left(orders, start) < bisect_right(orders, end)
