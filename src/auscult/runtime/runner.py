"""The interface of a live model in any runtime.

A runner runs the model, runs one of its modules alone, puts other tensors in place of what a module
gives, and makes a copy in another precision. `make_runner` opens whatever the user named.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Literal, Protocol, cast

from auscult import plugins
from auscult.checkpoint.target import call_target, is_code
from auscult.errors import TargetError, UsageError
from auscult.runtime.device import DeviceName, require_device, use_default_device
from auscult.traces.records import Trace
from auscult.weights import Array, ModuleInfo

CAPTURES_PACKAGE = "auscult.runtime.capture"
Detail = Literal["full", "sketch", "sample", "statistics"]


class Runner(Protocol):
    """A model that can be run; arrays go in and come out as numpy's (bfloat16 as ml_dtypes').

    Attributes:
        framework: `torch`, `mlx`, `onnxruntime`, `litert`.
        name: What the user called it, for messages.
        dtype: In which floating type it computes, as numpy or ml_dtypes name it.
    """

    framework: str
    name: str
    dtype: str

    def run(self, inputs: Mapping[str, Array], **options: Any) -> Trace:
        """Run the whole model once and record it.

        Args:
            inputs: By parameter name, position (`0`, `1`) or role (`input`, `input.1`,
                `input.mask`). Floating inputs are cast to `dtype`.
            options: Those of `auscult.runtime.options.CaptureOptions`, such as `detail="sketch"`;
                everything is kept by default. With `replay`, the noise of that trace is drawn
                again.

        Raises:
            TargetError: If the model's code raises.
        """

    def paths(self) -> tuple[str, ...]:
        """Paths of all modules, in the order of definition; "" is the whole model."""

    def call(
        self,
        path: str,
        inputs: Mapping[str, Array],
        *,
        call: int = 0,
        changes: Mapping[str, Any] | None = None,
    ) -> Mapping[str, Array]:
        """Run ONE module alone.

        Args:
            inputs: Roles as a trace has them: `input`, `input.1`, `input.mask`. Arguments that are
                no tensors, and tensors that are not given, are those of the module's call number
                `call` in the last run.
            changes: Attributes of the module to set for this call only (`{"eps": 1e-6}`), with dots
                for a submodule's.

        Returns:
            Outputs by role: `output`, `output.1`.

        Raises:
            UsageError: If there is no such module, or the runtime cannot run a part of a model.
            TargetError: If the module raises.
        """

    def replace(
        self, path: str, outputs: Mapping[str, Array], *, call: int | None = None
    ) -> AbstractContextManager[None]:
        """Within the context, that module (its call number `call`, or each) gives these outputs
        instead of its own.

        They may have other shapes than its own. A run records what the module itself gave under the
        roles `own`, `own.1`, ...
        """

    def module(self, path: str) -> ModuleInfo:
        """Class and attributes of a module."""

    def weights(self, path: str) -> Mapping[str, Array]:
        """Parameters and buffers that the module owns directly; a weight under weight norm also as
        the fused `weight`.
        """

    def at(self, dtype: str) -> Runner:
        """A copy that computes in another precision; this one is left as it is.

        Raises:
            UsageError: If the runtime cannot.
        """


def make_runner(
    target: Any, kwargs: Mapping[str, Any] | None = None, device: DeviceName | None = None
) -> Runner:
    """The runner for a live module, a code target (`package.module:callable`), or a model file
    (`.onnx`, `.tflite`).

    Args:
        device: Where the model runs; None is where its code puts it.

    Raises:
        TargetError: If it is nothing that can be run.
        UsageError: If there is no such device.
    """
    name = target if isinstance(target, str) else type(target).__qualname__
    value: Any = target
    if isinstance(target, str) and is_code(target):
        value = _call_target_on_device(target, kwargs or {}, device)
    elif kwargs:
        raise UsageError(
            "only code takes --kwargs", where=str(name), hint="name code as package.module:callable"
        )
    if isinstance(value, str | Path):
        value, name = Path(value), str(value)
        if not value.is_file():
            raise TargetError(
                "is no file",
                where=name,
                hint="give a model file, or code as package.module:callable",
            )
    for framework in plugins.list_module_names(CAPTURES_PACKAGE):
        module = importlib.import_module(f"{CAPTURES_PACKAGE}.{framework}")
        if module.accepts(value):
            return cast(Runner, module.open_runner(value, name, device))
    raise TargetError(
        "cannot be run",
        where=str(name),
        expected="a torch or MLX module, or an .onnx or .tflite file",
        found=(
            f"{type(value).__module__}.{type(value).__qualname__}"
            if not isinstance(value, Path)
            else value.suffix
        ),
        hint=(
            "a file of weights needs its code: give package.module:callable that returns the loaded"
            " model"
        ),
    )


def _call_target_on_device(
    target: str, kwargs: Mapping[str, Any], device: DeviceName | None
) -> Any:
    """What the code gives, with torch's new tensors on that device."""
    # CUDA is torch's alone; of mps it shows only after the call whether the code is torch's or MLX's
    if device == "cuda":
        require_device(device)
    with use_default_device(device):
        return call_target(target, kwargs)
