"""A LiteRT model (`.tflite`): run with all its tensors kept.

The interpreter runs no part of a model alone.
"""

# ruff: noqa: ARG002  (the methods of the protocol that this runtime cannot do take their arguments
# all the same)
from __future__ import annotations

import tempfile
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from ai_edge_litert import __version__ as version
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from auscult.checkpoint import open_checkpoint
from auscult.errors import TargetError, UsageError
from auscult.runtime.litert.undo_quantisation import undo_quantisation
from auscult.runtime.options import CaptureOptions
from auscult.runtime.quantised_weights import RestoreWeight, keep_rounded
from auscult.runtime.recorder import Recorder, TensorStore
from auscult.runtime.roles import format_role, parse_position
from auscult.traces.fingerprint import fingerprint_content
from auscult.traces.records import Manifest, Record, Trace
from auscult.weights import Array, ModuleInfo


class LitertOperator(NamedTuple):
    """One operator: the indices of its tensors in the interpreter."""

    path: str
    op: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


class LitertRunner:
    """See `auscult.runtime.runner.Runner`.

    A path is the name of an operator's first result, with dots; no delegate is used.
    """

    framework = "litert"

    def __init__(self, path: Path, name: str) -> None:
        self.name, self._path = name, path
        self._folder: tempfile.TemporaryDirectory[str] | None = None  # goes with this runner
        self._checkpoint = open_checkpoint(path)
        try:
            self._interpreter = Interpreter(
                model_path=str(path),
                experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
                experimental_preserve_all_tensors=True,
            )
        except ValueError as error:
            raise TargetError(
                f"LiteRT refuses it: {' '.join(str(error).split())[:300]}", where=name
            ) from error
        self._names = {
            detail["index"]: str(detail["name"])
            for detail in self._interpreter.get_tensor_details()
        }
        self._inputs = [detail["index"] for detail in self._interpreter.get_input_details()]
        self._outputs = [detail["index"] for detail in self._interpreter.get_output_details()]
        self._operators = tuple(self._list_operators())
        self._operators_by_path = {operator.path: operator for operator in self._operators}
        kinds = {str(np.dtype(detail["dtype"])) for detail in self._interpreter.get_input_details()}
        self.dtype = "mixed"
        if len(kinds) == 1:
            self.dtype = kinds.pop()

    def without_quantisation(self, restore: RestoreWeight = keep_rounded) -> LitertRunner | None:
        """A runner of the float model that one with int8 weights stands for; None of one that has none."""
        weights = dict(self._checkpoint.items())
        if not any(tensor.quantization is not None for tensor in weights.values()):
            return None
        data = undo_quantisation(self._path.read_bytes(), weights, restore)
        if data is None:
            return None
        folder = tempfile.TemporaryDirectory(prefix="auscult-")
        path = Path(folder.name) / self._path.name
        path.write_bytes(data)
        runner = LitertRunner(path, self.name)
        runner._folder = folder
        return runner

    def paths(self) -> tuple[str, ...]:
        return ("", *self._operators_by_path)

    def run(
        self, inputs: Mapping[str, Array], *, store: TensorStore | None = None, **options: Any
    ) -> Trace:
        recorder = Recorder(CaptureOptions(**options), store)
        self._set_inputs(inputs)
        try:
            self._interpreter.invoke()
        except RuntimeError as error:
            raise TargetError(
                f"stopped: {' '.join(str(error).split())[:300]}", where=self.name
            ) from error
        known_records: dict[int, Record] = {}
        if recorder.options.is_included("") and recorder.options.with_inputs:
            self._record(recorder, "", "input", self._inputs, known_records)
        for operator in self._operators:
            if recorder.options.is_included(operator.path):
                if recorder.options.with_inputs:
                    places = [index if index in known_records else -1 for index in operator.inputs]
                    self._record(recorder, operator.path, "input", places, known_records)
                self._record(recorder, operator.path, "output", operator.outputs, known_records)
        if recorder.options.is_included(""):
            self._record(recorder, "", "output", self._outputs, known_records)
        return recorder.finish(self._build_manifest(recorder))

    def call(
        self,
        path: str,
        inputs: Mapping[str, Array],
        *,
        call: int = 0,
        changes: Mapping[str, Any] | None = None,
    ) -> dict[str, Array]:
        raise UsageError(
            "LiteRT runs no operator alone",
            where=f"{self.name} {path}",
            hint="run the other side's layer instead",
        )

    def replace(
        self, path: str, outputs: Mapping[str, Array], *, call: int | None = None
    ) -> AbstractContextManager[None]:
        raise UsageError(
            "LiteRT takes no substitutes",
            where=f"{self.name} {path}",
            hint="substitute on the other side",
        )

    def module(self, path: str) -> ModuleInfo:
        if path == "":
            return ModuleInfo("", "Graph")
        operator = self._find_operator(path)
        input_infos = (
            self._checkpoint.modules.get(self._names.get(index, "")) for index in operator.inputs
        )
        attributes = next((info.attributes for info in input_infos if info is not None), {})
        return ModuleInfo(path, operator.op, attributes)

    def weights(self, path: str) -> dict[str, Array]:
        if path == "":
            return {}
        names = (self._names.get(index, "") for index in self._find_operator(path).inputs)
        return {name: self._checkpoint[name].values() for name in names if name in self._checkpoint}

    def at(self, dtype: str) -> LitertRunner:
        raise UsageError(
            "a LiteRT model computes in the types it was converted to", where=self.name, found=dtype
        )

    def _find_operator(self, path: str) -> LitertOperator:
        if path not in self._operators_by_path:
            raise UsageError(
                "has no such operator",
                where=self.name,
                found=path,
                hint=f"it has {', '.join(list(self._operators_by_path)[:6])}",
            )
        return self._operators_by_path[path]

    def _list_operators(self) -> list[LitertOperator]:
        used_paths: set[str] = set()
        operators = []
        # The only way to the operators; there is no public one.
        for detail in self._interpreter._get_ops_details():
            outputs = tuple(int(index) for index in detail["outputs"])
            path = ""
            if outputs:
                path = _shorten_name(self._names.get(outputs[0], "").strip("/"))
            path = path.replace("/", ".").replace("#", "_").replace(":", "_")
            path = path or f"{detail['op_name']}.{detail['index']}"
            if path in used_paths:
                path = f"{path}.{detail['index']}"
            used_paths.add(path)
            inputs = tuple(int(index) for index in detail["inputs"])
            operators.append(LitertOperator(path, str(detail["op_name"]), inputs, outputs))
        return operators

    def _set_inputs(self, inputs: Mapping[str, Array]) -> None:
        """Set the inputs, by name or position, in the types and shapes that the model declares.

        Raises:
            UsageError: If they do not fit.
        """
        details = self._interpreter.get_input_details()
        names = [str(detail["name"]) for detail in details]
        array_by_index = {
            self._find_input_index(name, names): array for name, array in inputs.items()
        }
        if len(array_by_index) != len(details):
            raise UsageError(
                "lacks an input",
                where=self.name,
                expected=", ".join(names),
                found=", ".join(inputs) or "none",
            )
        try:
            self._set_arrays(details, array_by_index)
        except (ValueError, RuntimeError) as error:
            reason = " ".join(str(error).split())[:300]
            raise UsageError(
                f"does not take this input: {reason}",
                where=self.name,
                hint="check shapes and types",
            ) from error

    def _find_input_index(self, name: str, names: list[str]) -> int:
        if name in names:
            return names.index(name)
        position = parse_position(name)
        if position is None and len(names) == 1:
            return 0
        if position is None or position >= len(names):
            raise UsageError(
                "has no such input",
                where=self.name,
                found=name,
                hint=f"it takes {', '.join(names)}",
            )
        return position

    def _set_arrays(
        self, details: list[dict[str, Any]], array_by_index: Mapping[int, Array]
    ) -> None:
        for index, array in array_by_index.items():
            if tuple(details[index]["shape"]) != array.shape:
                self._interpreter.resize_tensor_input(
                    details[index]["index"], array.shape, strict=True
                )
        self._interpreter.allocate_tensors()
        for index, array in array_by_index.items():
            detail = details[index]
            self._interpreter.set_tensor(
                detail["index"], np.ascontiguousarray(array, dtype=detail["dtype"])
            )

    def _record(
        self,
        recorder: Recorder,
        path: str,
        role: str,
        indices: list[int] | tuple[int, ...],
        known_records: dict[int, Record],
    ) -> None:
        """Record tensors by their index in the interpreter; -1 stands for one that is not recorded,
        such as a weight.
        """
        kind = "Graph"
        if path:
            kind = self._operators_by_path[path].op
        for position, index in enumerate(indices):
            full_role = format_role(role, position)
            if index in known_records:
                recorder.again(path, 0, full_role, kind, known_records[index])
            elif index >= 0:
                array = self._interpreter.get_tensor(index)
                if array.dtype.kind not in "OUS":
                    known_records[index] = recorder.add(path, 0, full_role, kind, array)

    def _build_manifest(self, recorder: Recorder) -> Manifest:
        weights: dict[str, dict[str, str]] = {}
        if recorder.options.fingerprints:
            for path in self._operators_by_path:
                arrays = self.weights(path)
                if arrays:
                    weights[path] = {
                        name: fingerprint_content(array) for name, array in arrays.items()
                    }
        return Manifest(
            "litert",
            version,
            self.dtype,
            weights=weights,
            modules={path: self.module(path) for path in self.paths()},
            noise=tuple(recorder.noise),
            notes={"delegates": "off", **recorder.notes},
        )


def _shorten_name(name: str) -> str:
    """litert-torch names a result by the classes around it, with their packages:
    `a.b.Net/torch.nn.modules.conv.Conv1d_1;6`.
    """
    around, semicolon, suffix = name.partition(";")
    classes = [scope.rpartition(".") for scope in around.split("/")]
    if not all(package and last[:1].isupper() for package, _, last in classes):
        return name
    return "/".join(last for *_, last in classes) + semicolon + suffix.partition(";")[0]
