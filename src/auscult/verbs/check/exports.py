"""A model against its own exports, through `compare`."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from auscult.errors import AuscultError, UsageError
from auscult.properties.model import CheckedModel
from auscult.properties.records import Observation, PropertyResult
from auscult.verdict import Report, Verdict

PROPERTY = "export"


def measure_exports(model: CheckedModel) -> Iterator[PropertyResult]:
    """One result for each form that was asked for."""
    for form in model.options.exports:
        started = time.perf_counter()
        try:
            observation = _measure_export(model, form)
        except Exception as error:  # noqa: BLE001  an exporter raises whatever it likes; what it said is for the user
            reason = " ".join(str(error).split())[:300] or type(error).__name__
            yield PropertyResult(
                f"{PROPERTY} {form}",
                skipped=(f"cannot be exported or run: {reason}",),
                seconds=time.perf_counter() - started,
            )
            continue
        yield PropertyResult(
            f"{PROPERTY} {form}", (observation,), seconds=time.perf_counter() - started
        )


def require_forms(forms: tuple[str, ...], framework: str) -> None:
    """Refuse forms that there are none of.

    Raises:
        UsageError: If a form is unknown, or the model is none of torch.
    """
    if not forms:
        return
    if framework != "torch":
        raise UsageError("only a torch module can be exported", where="--export", found=framework)
    from auscult.runtime.exports import list_forms

    for form in forms:
        if form not in list_forms():
            raise UsageError(
                f"there is no form `{form}`", where="--export", hint=", ".join(list_forms())
            )


def _measure_export(model: CheckedModel, form: str) -> Observation:
    from auscult.runtime.exports import load_form
    from auscult.verbs.compare.compare import compare

    runner = model.take_fresh_runner()
    args, kwargs = runner.bind_inputs(model.inputs)
    with tempfile.TemporaryDirectory(prefix="auscult-export-") as folder:
        exported = load_form(form).make_export(runner.copy().model, args, kwargs, Path(folder))
        # a file has no names of parameters that could be trusted: inputs go by position
        inputs: dict[str, Any] = dict(model.inputs)
        if isinstance(exported, str):
            arrays = [*args, *kwargs.values()]
            by_position = {
                str(position): runner.to_array(tensor) for position, tensor in enumerate(arrays)
            }
            report = compare(runner, exported, inputs=inputs, inputs_cand=by_position)
        else:
            report = compare(runner, exported, inputs=inputs, substitute=False)
    return _describe_report(form, report)


def _describe_report(form: str, report: Report) -> Observation:
    evidence = {
        "form": form,
        "verdict": report.verdict.value,
        "findings": [finding.to_json() for finding in report.findings[:8]],
    }
    if report.verdict in (Verdict.PASS, Verdict.EQUIVALENT):
        return Observation(
            "holds",
            f"the model as {form} gives what the model gives ({report.verdict})",
            evidence=evidence,
        )
    if report.verdict is Verdict.INCONCLUSIVE or not report.findings:
        raise AuscultError(
            f"compare is {report.verdict}: too little could be held against each other"
        )
    first = report.findings[0]
    return Observation(
        "broken",
        f"the model as {form} gives something else: {first.code} {first.cause}: {first.message}",
        "export-differs",
        first.where,
        evidence,
        first.fix.summary
        if first.fix is not None
        else f"run auscult compare on the model and its {form} form",
    )
