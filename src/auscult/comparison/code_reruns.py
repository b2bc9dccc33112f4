"""Run the reference's own code at a place once more, as it is or changed.

In: a live reference, the trace of its run, and the call in whose code a tensor was made. Out: a `CodeRerun` for the case of the place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from auscult.comparison.call_scopes import CallScope
from auscult.errors import AuscultError
from auscult.explain.algebra.nearness import get_rounding_tolerance, relative_error
from auscult.facts.function_changes import CallChange, CalledFunctions, CodeRerun
from auscult.runtime.module_runner import ModuleRunner
from auscult.runtime.runner import Runner
from auscult.traces.records import Record, Trace
from auscult.weights import Array


class ScopeRerun:
    """See `auscult.facts.function_changes.CodeRerun`.

    Args:
        record: What the place gives: an output of the scope's module, or what it hands to a module that it calls.
    """

    def __init__(
        self, runner: ModuleRunner, trace: Trace, scope: CallScope, record: Record
    ) -> None:
        self._runner, self._scope, self._record = runner, scope, record
        self._trace = trace
        self._functions: CalledFunctions | None = None

    def read_functions(self) -> CalledFunctions:
        if self._functions is None:
            array, called = self._run((), {})
            original = self._trace.tensor(self._record)
            is_repeated = array is not None and (
                relative_error(array, original) <= get_rounding_tolerance(original)
            )
            self._functions = called if is_repeated else {}
        return self._functions

    def run(
        self,
        changes: Sequence[CallChange] = (),
        attributes: Mapping[str, object] | None = None,
    ) -> Array | None:
        return self._run(changes, attributes or {})[0]

    def _run(
        self, changes: Sequence[CallChange], attributes: Mapping[str, object]
    ) -> tuple[Array | None, CalledFunctions]:
        """The tensor at the place, and the functions that were called."""
        scope, record = self._scope, self._record
        inputs = {each.role: self._trace.tensor(each) for each in scope.inputs}
        try:
            with self._runner.change_functions(changes) as called:
                if record.path != scope.path:
                    return self._run_to_record(inputs, attributes), called
                outputs = self._runner.call(scope.path, inputs, call=scope.call, changes=attributes)
                return outputs.get(record.role), called
        except AuscultError:
            return None, {}  # the code has no such attribute, or cannot run with that value

    def _run_to_record(
        self, inputs: Mapping[str, Array], attributes: Mapping[str, object]
    ) -> Array | None:
        """What reaches the module of the place, from a recorded call of the module around it."""
        path, role = self._record.path, self._record.role
        earlier_calls = {
            each.call
            for each in self._scope.records
            if each.path == path and each.order < self._record.order
        }
        trace = self._runner.call_recorded(
            self._scope.path,
            inputs,
            call=self._scope.call,
            changes=attributes,
            include=(path,),
        )
        repeated = trace.find(path, role, len(earlier_calls - {self._record.call}))
        return None if repeated is None else trace.tensor(repeated)


def make_code_rerun(
    runner: Runner | None, trace: Trace, scope: CallScope, record: Record
) -> CodeRerun | None:
    """The code that makes the tensor of a record, to be run again; None where the reference is no live tree of modules."""
    is_known = all(each.stored == "full" for each in scope.inputs)
    if not isinstance(runner, ModuleRunner) or not is_known:
        return None
    return ScopeRerun(runner, trace, scope, record)
