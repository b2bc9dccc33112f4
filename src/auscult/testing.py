"""Hold a port to its reference in a test: functions that pass, or fail with the diagnosis as their message.

    from auscult.testing import assert_invariant, assert_parity, assert_same_weights, assert_sound

    def test_the_port_holds_the_same_weights():
        assert_same_weights("reference.pth", "port.safetensors")

    def test_the_port_computes_the_same():
        assert_parity(reference, port, inputs={"mel": mel})

    def test_the_model_in_chunks():
        assert_invariant(model, {"mel": mel}, chunk=32)

    def test_the_model_sounds_right():
        assert_sound((model(mel), 24_000), reference="expected.wav")

With pytest, the fixtures `parity`, `same_weights`, `invariant`, `sound` and `golden_trace` do the same and keep the reports
(`--auscult-report`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from auscult.old_names import accept_old_names

if TYPE_CHECKING:
    from auscult.finding import Finding
    from auscult.verdict import Report


UNSETTLED_TITLES = {
    "check": "not settled whether the model agrees with itself",
    "listen": "not settled whether the recording is sound",
}
"""What is said of a report that is INCONCLUSIVE, by its command."""


class Divergence(AssertionError):  # noqa: N818 - like pytest's Failed: what a test shows is a verdict, no error of the test
    """Two sides that should be the same are not; the message is the diagnosis as a terminal shows it.

    Attributes:
        report: All that was found, with its evidence; `report.to_json()` is what `--format json` prints.
    """

    def __init__(self, title: str, report: Report) -> None:
        from auscult.report.text import render

        self.report = report
        super().__init__(f"{title}\n\n{render(report)}".rstrip())


@accept_old_names(mine="candidate", container_mine="container_candidate")
def assert_same_weights(
    reference: Any,
    candidate: Any,
    *,
    exact: bool = False,
    container_reference: str | None = None,
    container_candidate: str | None = None,
    kwargs: Mapping[str, Any] | None = None,
    allow: Sequence[str] = (),
) -> Report:
    """Assert that a candidate holds the weights of a reference, whatever their names and layouts.

    Args:
        reference, candidate: What `auscult.diff` takes: a path, `package.module:callable`, a Checkpoint, a live torch or MLX
            module.
        exact: Fail where a tensor is equal only within a number format's error (float16, int8), too.
        container_reference, container_candidate: Which group of tensors to take from a file that has several.
        kwargs: Arguments for code given as a target.
        allow: Codes or causes (`CKP014`, `lossy`, or the beginning of a code) of findings that are known and accepted.

    Returns:
        The report, for what else a test wants to know of it.

    Raises:
        Divergence: If it does not, or if it could not be settled; its message is the diagnosis.
        CheckpointError: If a side cannot be read.
    """
    __tracebackhide__ = True
    from auscult.verbs.diff.diff import diff
    from auscult.verdict import Equality

    report = diff(
        reference,
        candidate,
        container_a=container_reference,
        container_b=container_candidate,
        kwargs=dict(kwargs) if kwargs else None,
    )
    rounded = [entry for entry in report.mapping if entry.equality is not Equality.EXACT]
    if exact and report.verdict.exit_code == 0 and rounded:
        raise Divergence(
            f"the weights are the same, but {len(rounded)} of {len(report.mapping)} not bit for bit",
            report,
        )
    return _require_pass(report, allow, "the weights are not the same")


def assert_parity(
    reference: Any,
    candidate: Any,
    inputs: Any = None,
    *,
    inputs_cand: Any = None,
    strict: bool = False,
    floor: Any = None,
    substitute: bool = True,
    stages: Sequence[str] = (),
    map: Mapping[str, str] | None = None,
    kwargs: Mapping[str, Any] | None = None,
    ref_model: Any = None,
    cand_model: Any = None,
    allow: Sequence[str] = (),
) -> Report:
    """Assert that two implementations compute the same, layer by layer, within the noise floor of the reference.

    Args:
        reference, candidate: What `auscult.compare` takes: a live torch or MLX module, a trace or its file, code, a model file.
        inputs: Arrays by name, one array, or files of them; a trace on the other side brings its own.
        inputs_cand: The candidate's, where it takes them in another form.
        strict: Fail where the two agree only in another order of axes or in another granularity, too.
        floor: Relative error to allow, instead of what rounding alone does to the reference.
        substitute, stages, map, kwargs, ref_model, cand_model: As in `auscult.compare`.
        allow: Codes or causes of findings that are known and accepted, such as `gelu-variant`.

    Returns:
        The report.

    Raises:
        Divergence: If an error is born anywhere, or if it could not be settled; its message is the diagnosis.
        AuscultError: If a side cannot be opened or run.
    """
    __tracebackhide__ = True
    from auscult.verbs.compare.compare import compare
    from auscult.verdict import Verdict

    report = compare(
        reference,
        candidate,
        ref_model=ref_model,
        cand_model=cand_model,
        inputs=inputs,
        inputs_cand=inputs_cand,
        substitute=substitute,
        stages=stages,
        map=map,
        floor=floor,
        kwargs=kwargs,
    )
    if strict and report.verdict is Verdict.EQUIVALENT:
        raise Divergence(
            "the two agree, but in another order of axes or another granularity", report
        )
    return _require_pass(
        report, allow, "the candidate does not compute what the reference computes"
    )


def assert_invariant(
    model: Any,
    inputs: Any,
    *,
    kwargs: Mapping[str, Any] | None = None,
    allow: Sequence[str] = (),
    **options: Any,
) -> Report:
    """Assert that a model agrees with itself: in a batch, in chunks, padded, a second time, in fewer bits.

    Args:
        model: A live torch or MLX module, or code that gives one.
        inputs: Arrays by name, one array, or files of them.
        kwargs: Arguments for code given as a target.
        allow: Codes or causes of findings that are known and accepted, such as `dropout-active`; or properties that the model
            need not have, such as `determinism`.
        options: As in `auscult.check`: `only`, `expect`, `chunk`, `overlap`, `expect_formats`, `exports`, ...

    Returns:
        The report.

    Raises:
        Divergence: If a property is broken that the model has to have, or could not be looked at.
        AuscultError: If the model cannot be opened or run.
    """
    __tracebackhide__ = True
    from auscult.properties.run import list_properties
    from auscult.verbs.check.check import check

    properties = tuple(word for word in allow if word in list_properties())
    report = check(model, inputs, kwargs=kwargs, **{"allow": properties, **options})
    return _require_pass(report, allow, "the model does not agree with itself")


def assert_sound(
    recording: Any,
    reference: Any = None,
    *,
    allow: Sequence[str] = (),
    warnings: bool = False,
    **options: Any,
) -> Report:
    """Assert that a recording has no defect that can be heard, by itself or against a reference.

    Args:
        recording: What `auscult.listen` takes: a file, a folder, a pattern, a Recording, or (samples, sample rate) with an array
            or a tensor of [time], [channels, time] or [time, channels].
        reference: How it should sound, in the same forms.
        allow: Codes or causes of findings that are known and accepted, such as `clipping`.
        warnings: Fail for findings of severity warning, too.
        options: As in `auscult.listen`: `facts`, `config`, `checkpoint`, ...

    Returns:
        The report.

    Raises:
        Divergence: If a recording has a defect, or if that could not be settled; its message is the diagnosis.
        AudioError: If the reference cannot be read.
        UsageError: If there is nothing to listen to.
    """
    __tracebackhide__ = True
    from auscult.finding import Severity
    from auscult.verbs.listen.listen import listen

    report = _require_pass(
        listen(recording, reference=reference, **options), allow, "the recording has a defect"
    )
    doubts = [
        finding
        for finding in report.findings
        if finding.severity is Severity.WARNING and not _is_allowed(finding, allow)
    ]
    if warnings and doubts:
        raise Divergence("the recording may have a defect", report)
    return report


def _require_pass(report: Report, allow: Sequence[str], title: str) -> Report:
    """The report, if nothing is wrong but what is allowed."""
    __tracebackhide__ = True
    from auscult.finding import Severity
    from auscult.verdict import Verdict

    if report.verdict.exit_code == 0:
        return report
    errors = [finding for finding in report.findings if finding.severity is Severity.ERROR]
    accepted = bool(errors) and all(_is_allowed(finding, allow) for finding in errors)
    if report.verdict is Verdict.DIVERGENT and accepted:
        return report
    if report.verdict is Verdict.INCONCLUSIVE:
        title = UNSETTLED_TITLES.get(report.command, "not settled whether they are the same")
    raise Divergence(title, report)


def _is_allowed(finding: Finding, allow: Sequence[str]) -> bool:
    return any(finding.cause == word or finding.code.startswith(word.upper()) for word in allow)
