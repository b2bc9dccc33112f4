"""A live model that its properties are measured on: run as it stands, on other inputs, with the noise held fixed."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from auscult.errors import AuscultError, TargetError, UsageError
from auscult.properties.change import find_limit
from auscult.properties.layout import (
    ModelLayout,
    choose_main_input,
    choose_main_output,
    describe_inputs,
    describe_outputs,
    list_time_axes,
    resize_inputs,
)
from auscult.properties.model_run import (
    NOT_RECORDED,
    ModelRun,
    collect_outputs,
    measure_first_part,
    select_results,
)
from auscult.properties.noise import fit_noise, list_draws
from auscult.properties.place import Adapt, crop_candidate, find_broken_place
from auscult.properties.records import BrokenPlace, CheckOptions
from auscult.runtime.module_runner import ModuleRunner
from auscult.runtime.roles import parse_position
from auscult.traces.records import Trace
from auscult.weights import Array

RESET_NAMES = ("reset_streaming", "reset_state", "reset_states", "reset_cache", "reset")
"""Methods that are called before a run, so that it starts from nothing."""
SHORTER_SHARES = (0.5, 0.75, 0.625, 0.875)
"""Shares of the length at which the axis of time is tried: some models take only multiples of 4 or 8. Chosen, not measured."""
MULTIPLES = (16, 8, 4, 2, 1)
"""To multiples of which the shorter length is rounded down. Chosen, not measured."""
FINER_ERRORS = (AuscultError, RuntimeError, TypeError, ValueError, NotImplementedError)
"""What code raises that knows no float64."""
FINE_GAIN = 30.0
"""A difference that a run in float64 makes so many times smaller was rounding. Chosen, not measured."""


class CheckedModel:
    """One live model with its inputs.

    Args:
        runner: Of the model in evaluation mode, which may be run at will.
        given: The same of the model as the user handed it over.

    Attributes:
        precision: A row for each number format that the weights were rounded to.
        is_stateful: Whether calls leave something behind, so that each run takes a fresh copy.
        memo: What one property found out that others ask for too.
        reservations: What could not be done for any property, with the reason.
    """

    def __init__(
        self,
        runner: ModuleRunner,
        given: ModuleRunner,
        inputs: Mapping[str, Array],
        options: CheckOptions,
    ) -> None:
        self.runner, self.given = runner, given
        self.inputs = {name: np.asarray(array) for name, array in inputs.items()}
        self.options = options
        self.precision: list[Mapping[str, Any]] = []
        self.is_stateful = False
        self.memo: dict[str, Any] = {}
        self._pristine: ModuleRunner | None = None
        self._fine: CheckedModel | None = None
        self._is_fine_tried = False
        self.reservations: list[str] = []

    @property
    def limit(self) -> float:
        """The relative error that rounding alone may make."""
        return find_limit(self.runner.dtype)

    @cached_property
    def base(self) -> ModelRun:
        """The model on the inputs as given, everything recorded."""
        return self.run(self.inputs, is_full=True)

    @cached_property
    def draws(self) -> list[str]:
        """Keys of the random draws of a run."""
        return list_draws(self.base.trace)

    @cached_property
    def parameters(self) -> dict[str, str]:
        """The parameter of the forward that takes each input."""
        names = list(self.signature)
        return {
            name: names[position]
            if (position := parse_position(name)) is not None and position < len(names)
            else name.removeprefix("input.")
            for name in self.inputs
        }

    @cached_property
    def signature(self) -> Mapping[str, inspect.Parameter]:
        """Parameters of the model's forward."""
        try:
            return inspect.signature(self.runner.forward).parameters
        except (TypeError, ValueError):
            return {}

    @cached_property
    def layout(self) -> ModelLayout:
        """Axes of inputs and outputs; the axis of time is the one that can be shortened."""
        main = choose_main_input(self.inputs, self.parameters)
        array = self.inputs[main]
        axes = list_time_axes(array.shape)
        if self.options.time_axis is not None:
            axes = [range(array.ndim)[self.options.time_axis]]
        batch_axis = 0 if array.ndim > 1 else None
        for axis in axes:
            described = describe_inputs(self.inputs, self.parameters, main, axis)
            layout = ModelLayout(described, main, array.shape[axis], axis, batch_axis)
            tried = self._try_shorter(layout)
            if tried is not None:
                return tried
        described = describe_inputs(self.inputs, self.parameters, main, None)
        return ModelLayout(described, main, 0, None, batch_axis)

    def _try_shorter(self, layout: ModelLayout) -> ModelLayout | None:
        """The layout with what the outputs do, if the model takes a shorter input along that axis."""
        lengths = [
            int(layout.frames * share) // multiple * multiple
            for multiple in MULTIPLES
            for share in SHORTER_SHARES
        ]
        for frames in dict.fromkeys(lengths):
            if not 0 < frames < layout.frames:
                continue
            with suppress(AuscultError):
                shorter = self.run(resize_inputs(self.inputs, layout, frames))
                return self._describe_outputs(layout, shorter, frames)
        return None

    def _describe_outputs(self, layout: ModelLayout, shorter: ModelRun, frames: int) -> ModelLayout:
        axes = describe_outputs(self.base.outputs, shorter.outputs)
        main = choose_main_output(self.base.outputs, axes)
        ratio = 0.0
        if main in axes:
            lengths = (run.outputs[main].shape[axes[main]] for run in (self.base, shorter))
            whole, part = lengths
            ratio = (whole - part) / (layout.frames - frames)
        return replace(layout, output_axes=axes, ratio=ratio, shorter=frames, main_output=main)

    def run(
        self,
        inputs: Mapping[str, Array],
        *,
        replay: Trace | None = None,
        is_full: bool = False,
        is_continued: bool = False,
    ) -> ModelRun:
        """Run the whole model.

        Args:
            inputs: By name, as the user's.
            replay: Draw the noise of this run.
            is_full: Record every module, beside the outputs.
            is_continued: Keep what an earlier run left in the model.
        """
        runner = self.runner if is_continued else self.take_fresh_runner()
        if not is_full and replay is None and "base" in vars(self) and not self.draws:
            return ModelRun(runner.run_outputs(inputs), NOT_RECORDED)
        include: tuple[str, ...] = () if is_full else ("",)
        trace = runner.run(
            inputs, include=include, with_inputs=is_full, fingerprints=False, replay=replay
        )
        return ModelRun(collect_outputs(trace), trace)

    def run_alike(self, inputs: Mapping[str, Array], *, is_full: bool = False) -> ModelRun:
        """Run on other inputs with the noise of the run as given, in its first part where a draw is larger.

        Raises:
            UsageError: If the draws do not fit each other.
        """
        if not self.draws:
            return self.run(inputs, is_full=is_full)
        with suppress(AuscultError):
            return self.run(inputs, replay=self.base.trace, is_full=is_full)
        fitted = fit_noise(self.base.trace, self.run(inputs).trace)
        if fitted is None:
            raise UsageError("draws other noise for other inputs, so that runs cannot be compared")
        return self.run(inputs, replay=fitted, is_full=is_full)

    def mark_stateful(self) -> None:
        """From now on run a fresh copy each time: calls leave something behind."""
        self.is_stateful = True

    def remember(self) -> None:
        """Keep a copy of the model as it is before its first run."""
        self._pristine = self.runner.copy()

    def take_fresh_runner(self) -> ModuleRunner:
        if self.is_stateful and self._pristine is not None:
            fresh: ModuleRunner = self._pristine.copy()
            return fresh
        reset_model(self.runner.model)
        return self.runner

    @property
    def has_pristine_copy(self) -> bool:
        """Whether the model could be copied."""
        return self._pristine is not None

    def make_fresh_copy(self) -> CheckedModel | None:
        """The model as it was before its first run; None where it could not be copied."""
        if self._pristine is None:
            return None
        return CheckedModel(self._pristine.copy(), self.given, self.inputs, self.options)

    def make_finer(self) -> CheckedModel | None:
        """The same model in float64, with the same noise; None where it does not run so, of which `reservations` has the
        reason.
        """
        if self.runner.dtype == "float64":
            return None
        if not self._is_fine_tried:
            self._is_fine_tried = True
            try:
                self._fine = self._build_finer()
            except FINER_ERRORS as error:
                self.reservations.append(
                    f"no run in float64 to tell rounding from more: {_describe_error(error)}"
                )
        return self._fine

    def _build_finer(self) -> CheckedModel:
        runner = self.take_fresh_runner().at("float64")
        fine = CheckedModel(runner, self.given, self.inputs, self.options)
        fine.is_stateful = self.is_stateful
        fine.remember()
        replay = self.base.trace if self.draws else None
        fine.base = fine.run(self.inputs, replay=replay, is_full=True)
        fine.layout = self.layout
        return fine

    def is_only_rounding(self, error: float, measure: Callable[[CheckedModel], float]) -> bool:
        """Whether a difference is rounding: within the limit, or so much smaller in float64."""
        if error <= self.limit:
            return True
        fine = self.make_finer()
        if fine is None:
            return False
        try:
            fine_error = measure(fine)
        except AuscultError as stop:
            self.reservations.append(
                f"the run in float64 that tells rounding from more stopped: {stop.what}"
            )
            return False
        return fine_error <= fine.limit or fine_error * FINE_GAIN < error

    def find_place(
        self, reference: ModelRun, candidate: ModelRun, adapt: Adapt = crop_candidate
    ) -> BrokenPlace | None:
        """The first module that differs between two full runs."""
        return find_broken_place(reference.trace, candidate.trace, self.limit, adapt)

    def compare_timed(self, reference: ModelRun, candidate: ModelRun) -> float:
        """The largest change of the outputs that have time, in the first part of the candidate's; of all where none has it."""
        roles = list(self.layout.output_axes) or list(select_results(reference.outputs))
        return max(
            (
                measure_first_part(reference.outputs[role], candidate.outputs.get(role))
                for role in roles
                if role in reference.outputs
            ),
            default=0.0,
        )


def reset_model(model: Any) -> None:
    """Call the model's own method that takes it back to the start, if it has one that needs no argument."""
    for name in RESET_NAMES:
        method = getattr(model, name, None)
        if callable(method) and _needs_no_argument(method):
            method()
            return


def _describe_error(error: Exception) -> str:
    """An error in one line."""
    return " ".join(str(error).split())[:200] or type(error).__name__


def _needs_no_argument(function: Callable[..., Any]) -> bool:
    try:
        inspect.signature(function).bind()
    except (TypeError, ValueError):
        return False
    return True


def open_checked_model(
    given: Any, inputs: Mapping[str, Array], options: CheckOptions
) -> CheckedModel:
    """A copy of the model in evaluation mode.

    Raises:
        UsageError: If it is no torch or MLX module.
    """
    if not isinstance(given, ModuleRunner):
        raise UsageError(
            "cannot be checked against itself",
            where=given.name,
            expected="a torch or MLX module",
            found=given.framework,
            hint="give the code that builds the model, package.module:callable",
        )
    try:
        runner = given.copy()
        runner.model.train(False)
        model = CheckedModel(runner, given, inputs, options)
        model.remember()
    except Exception as error:  # what a user's object refuses to be copied by is the user's
        raise TargetError(
            f"cannot be copied: {_describe_error(error)}",
            where=given.name,
            hint="return a fresh model, such as one that has not been run with gradients",
        ) from error
    return model
