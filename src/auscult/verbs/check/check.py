"""`check`: a model against itself. Does it compute the same in a batch, in chunks, padded, a second time, in fewer bits?"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from auscult import rules
from auscult.errors import UsageError
from auscult.facts.progress import Progress
from auscult.finding import Severity, Skip
from auscult.properties.model import CheckedModel, open_checked_model
from auscult.properties.records import HALF_FORMATS, CheckMeasurements, CheckOptions, PropertyResult
from auscult.properties.run import list_properties, measure_properties, require_properties
from auscult.report.sections.check import CheckSection
from auscult.rules.invariance.subject import CheckSubject
from auscult.runtime.device import DeviceName
from auscult.runtime.inputs import collect_inputs
from auscult.runtime.runner import Runner, make_runner
from auscult.verbs.check.exports import measure_exports, require_forms
from auscult.verbs.check.recipe import collect_recipes, to_entries
from auscult.verdict import Coverage, Report, Verdict

OUTCOMES = ("holds", "broken", "changed", "measured", "skipped")
"""Buckets of the coverage."""


def check(
    target: Any,
    inputs: Any = None,
    *,
    kwargs: Mapping[str, Any] | None = None,
    device: DeviceName | None = None,
    save_recipe: str | os.PathLike[str] | None = None,
    select: tuple[str, ...] = (),
    ignore: tuple[str, ...] = (),
    progress: Progress | None = None,
    **options: Any,
) -> Report:
    """Hold a model against itself.

    Args:
        target: A live torch or MLX module, or code (`package.module:callable`) that gives one. A copy is run.
        inputs: Arrays by parameter name or position, one array, or files of them; float32 [batch, channels, time] or
            [batch, time, channels], ids [batch, time]; masks and lengths beside them.
        kwargs: Arguments for code given as a target.
        device: Where the model runs; None is where its code puts it.
        save_recipe: Where the recipe goes that rounds the layers that bear it to the one format named in
            `expect_formats` (float16 where none is).
        select: Beginnings of rule codes: only these findings are shown.
        ignore: Beginnings of rule codes that are not shown.
        options: See `auscult.properties.records.CheckOptions`: `only`, `expect`, `allow`, `stream`, `chunk`, `overlap`,
            `lookahead`, `time_axis`, `expect_formats`, `max_error`, `exports`.

    Returns:
        PASS if every property that the model has to have was seen to hold, DIVERGENT if one is broken, INCONCLUSIVE if
        nothing that it has to have could be looked at, or something that was asked for could not.

    Raises:
        UsageError: If there are no inputs, or a property, form or rule of that name.
        TargetError: If the model cannot be opened or run.
    """
    rules.require_known_codes((*select, *ignore), "select or ignore")
    checked_options = CheckOptions(**{name: _freeze(value) for name, value in options.items()})
    _require_options(checked_options)
    runner = _open_runner(target, kwargs, device)
    require_forms(checked_options.exports, runner.framework)
    if inputs is None:
        raise UsageError(
            "needs inputs to run on",
            where=runner.name,
            hint="--inputs FILE.npz with one array per parameter",
        )
    model = open_checked_model(runner, collect_inputs(inputs), checked_options)
    measured = measure_properties(model, progress)
    measured = replace(measured, results=(*measured.results, *measure_exports(model)))
    if save_recipe is not None:
        _write_recipe(model, save_recipe)
    return build_report(model, measured).narrowed(select, ignore)


def build_report(model: CheckedModel, measured: CheckMeasurements) -> Report:
    """The report on what was measured."""
    recipes = {name: to_entries(recipe) for name, recipe in collect_recipes(model).items()}
    findings, skips = rules.run_rules(CheckSubject(measured, recipes), "invariance")
    reasons = [
        Skip(result.name, reason) for result in measured.results for reason in result.skipped
    ]
    outcomes = [result.outcome for result in measured.results]
    coverage = Coverage("checks", {name: outcomes.count(name) for name in OUTCOMES})
    has_errors = any(finding.severity is Severity.ERROR for finding in findings)
    section = CheckSection(
        [result.to_json() for result in measured.results], list(measured.precision) or None
    )
    return Report(
        "check",
        (measured.name,),
        decide_verdict(model.options, measured.results, has_errors=has_errors),
        coverage,
        findings,
        (*skips, *reasons),
        section=section,
    )


def decide_verdict(
    options: CheckOptions, results: Sequence[PropertyResult], *, has_errors: bool
) -> Verdict:
    """See `check`."""
    if has_errors:
        return Verdict.DIVERGENT
    asked = set(options.expect)
    if options.chunk is not None:
        asked.add("streaming")
    if options.expect_formats:
        asked.add("precision")
    open_results = [
        result
        for result in results
        if result.outcome == "skipped"
        and (result.name in asked or result.name.startswith("export "))
    ]
    seen = [result for result in results if result.demanded and result.outcome == "holds"]
    is_only_measured = bool(options.only) and any(result.outcome != "skipped" for result in results)
    if open_results or not (seen or is_only_measured):
        return Verdict.INCONCLUSIVE
    return Verdict.PASS


def _require_options(options: CheckOptions) -> None:
    for option in ("only", "expect", "allow"):
        require_properties(getattr(options, option), option)
    for number_format in options.expect_formats:
        if number_format not in HALF_FORMATS:
            raise UsageError(
                f"there is no format `{number_format}`",
                where="--precision",
                hint=", ".join(HALF_FORMATS),
            )
    if options.chunk is not None and options.chunk < 1:
        raise UsageError("needs a positive number of frames", where="--chunk", found=options.chunk)
    if options.chunk is None and (options.overlap or options.lookahead or options.stream):
        raise UsageError("needs the frames of a chunk", where="--stream", hint="--chunk FRAMES")
    assert list_properties()


def _freeze(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _open_runner(
    target: Any, kwargs: Mapping[str, Any] | None, device: DeviceName | None
) -> Runner:
    if all(hasattr(target, name) for name in ("run", "call", "replace", "at")):
        return target  # type: ignore[no-any-return]
    return make_runner(target, kwargs, device)


def _write_recipe(model: CheckedModel, path: str | os.PathLike[str]) -> None:
    recipes = collect_recipes(model)
    wanted = next((name for name in model.options.expect_formats if name in recipes), "float16")
    if wanted not in recipes:
        raise UsageError(
            "there is no recipe to write: neither float16 nor bfloat16 was measured",
            where=os.fspath(path),
        )
    text = json.dumps(recipes[wanted].to_json(), indent=1)
    Path(path).write_text(text + "\n", encoding="utf-8")
