"""`listen`: what is wrong with this sound?

From the recording alone, with what is known of its model, or with a reference.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

from auscult.facts.progress import Progress
from auscult.finding import Finding, Severity, Skip
from auscult.report.sections.listen import ListenSection
from auscult.rules.sound.hearing import collect_traits
from auscult.rules.sound.subject import SoundFacts
from auscult.sound.recording import Recording
from auscult.sound.samples import is_samples
from auscult.verbs.listen.engines import Engine, hear_all
from auscult.verbs.listen.facts import complete_facts
from auscult.verbs.listen.files import describe_passed_over, find_sound_files
from auscult.verbs.listen.memory import hear_in_memory
from auscult.verbs.listen.one_file import ListenedFile
from auscult.verbs.listen.pairs import PairedFiles, pair_files
from auscult.verdict import Coverage, Report, Verdict

MAX_SUBJECTS = 8
"""Files that a report names one by one; of more it says how many there are."""
RecordingSource = Any
"""A path, folder or pattern; a Recording, or (samples, sample rate) with an array or a tensor."""


def listen(
    sources: RecordingSource | Sequence[RecordingSource],
    *,
    reference: RecordingSource | None = None,
    facts: SoundFacts | None = None,
    config: str | Path | None = None,
    checkpoint: str | Path | None = None,
    engine: Engine = "local",
    workers: int | None = None,
    progress: Progress | None = None,
) -> Report:
    """Name what is wrong with recordings, where in them, and what makes such a sound.

    Args:
        sources: Files, folders, glob patterns; or recordings in memory, each a Recording or (samples, sample rate in Hz) with
            an array or a tensor of [time], [channels, time] or [time, channels].
        reference: What it should sound like, in the same forms: one for all, or a folder whose files are paired with the
            recordings by name.
        facts: What is known of the model; wins over `config`, which wins over `checkpoint`.
        config: A config (JSON or YAML) that states the sample rate, hop, strides.
        checkpoint: The model's weights: their metadata and family state the same.
        engine: `ray` spreads the files over a Ray cluster.
        workers: Processes; None decides by the number of files, 0 keeps to this one.

    Raises:
        UsageError: If there are no such files or samples, none of them has a reference in the folder, or Ray is asked for and
            not installed.
        AudioError: If the reference cannot be read. A file that cannot be read is a finding.
        CheckpointError: If the checkpoint cannot be read.
    """
    sound_facts = complete_facts(facts, config, checkpoint)
    if isinstance(sources, str | Path | Recording) or is_samples(sources):
        source_list = [sources]
    else:
        source_list = list(sources)
    pairs = PairedFiles((), ())
    if any(isinstance(item, Recording) or is_samples(item) for item in (*source_list, reference)):
        listened_files = hear_in_memory(source_list, reference, sound_facts)
    else:
        pairs = pair_files(
            find_sound_files([str(item) for item in source_list]), reference, source_list
        )
        listened_files = hear_all(
            pairs.paths,
            pairs.references,
            sound_facts,
            engine=engine,
            workers=workers,
            progress=progress,
        )
    has_reference = reference is not None
    section = _build_section(listened_files, sound_facts, pairs, with_reference=has_reference)
    report = _build_report(listened_files, section, with_reference=has_reference)
    report = replace(report, skips=(*report.skips, *pairs.skips))
    return _add_passed_over(report, source_list)


def _add_passed_over(report: Report, sources: Sequence[RecordingSource]) -> Report:
    """The report with what was in the folders and is no sound by its suffix."""
    passed_over = describe_passed_over([item for item in sources if isinstance(item, str | Path)])
    if not passed_over:
        return report
    skip = Skip(passed_over, "not listened to: no suffix of a sound that can be read here")
    return replace(report, skips=(*report.skips, skip))


def _build_section(
    listened_files: Sequence[ListenedFile],
    facts: SoundFacts,
    pairs: PairedFiles,
    *,
    with_reference: bool,
) -> ListenSection:
    own_references = pairs.collect_own_references()
    levels = Counter(trait.evidence for trait in collect_traits().values())
    known_facts = {name: value for name, value in vars(facts).items() if value}
    return ListenSection(
        recordings=[_describe_file(item, own_references.get(item.path)) for item in listened_files],
        recording=listened_files[0].recording if len(listened_files) == 1 else None,
        evidence={
            "nothing": levels["nothing"],
            "metadata": {"causes": levels["metadata"], **known_facts},
            "reference": {"causes": levels["reference"], "given": with_reference},
        },
        reference=pairs.common_facts,
    )


def _build_report(
    listened_files: Sequence[ListenedFile], section: ListenSection, *, with_reference: bool
) -> Report:
    skips = list(chain.from_iterable(item.skips for item in listened_files))
    if len(listened_files) == 1:
        findings = list(listened_files[0].findings)
    else:
        findings = _join_by_cause(listened_files)
    if not with_reference:
        causes = sorted(
            cause for cause, trait in collect_traits().items() if trait.evidence == "reference"
        )
        skips.append(Skip(", ".join(causes), "cannot be told without a reference (--ref)"))
    return Report(
        "listen",
        _list_subjects(listened_files),
        _decide_verdict(findings),
        _build_coverage(listened_files),
        tuple(findings),
        tuple(skips),
        section=section,
    )


def _list_subjects(listened_files: Sequence[ListenedFile]) -> tuple[str, ...]:
    if len(listened_files) <= MAX_SUBJECTS:
        return tuple(item.path for item in listened_files)
    return (f"{len(listened_files)} files",)


def _decide_verdict(findings: Sequence[Finding]) -> Verdict:
    if any(finding.severity is Severity.ERROR for finding in findings):
        return Verdict.DIVERGENT
    traits = collect_traits()
    if any(traits[finding.cause].undecided for finding in findings if finding.cause in traits):
        return Verdict.INCONCLUSIVE
    return Verdict.PASS


def _describe_file(item: ListenedFile, reference: str | None) -> dict[str, object]:
    causes = [
        {
            "cause": finding.cause,
            "code": finding.code,
            "severity": finding.severity.value,
            "message": finding.message,
            "times": list(map(list, finding.times)),
        }
        for finding in item.findings
    ]
    if reference is None:
        return {**item.recording, "causes": causes}
    return {**item.recording, "reference": reference, "causes": causes}


def _build_coverage(listened_files: Sequence[ListenedFile]) -> Coverage:
    """Every file in one bucket."""
    count = Counter(_choose_bucket(item) for item in listened_files)
    return Coverage(
        "files", {name: count[name] for name in ("clean", "suspicious", "defective", "unreadable")}
    )


def _choose_bucket(item: ListenedFile) -> str:
    if any(finding.cause == "unreadable-sound" for finding in item.findings):
        return "unreadable"
    if item.worst is Severity.ERROR:
        return "defective"
    if item.worst is Severity.WARNING:
        return "suspicious"
    return "clean"


def _join_by_cause(listened_files: Sequence[ListenedFile]) -> list[Finding]:
    """One finding per cause, with the files that show it; the numbers are those of the file that
    shows it best.
    """
    findings_by_cause: dict[str, list[Finding]] = {}
    for item in listened_files:
        for finding in item.findings:
            findings_by_cause.setdefault(finding.cause, []).append(finding)
    return [_join_findings(rows) for rows in findings_by_cause.values()]


def _join_findings(rows: Sequence[Finding]) -> Finding:
    surest = min(rows, key=lambda finding: finding.order)
    if len(rows) == 1:
        return surest
    where = tuple(chain.from_iterable(finding.where for finding in rows))
    return replace(
        surest,
        where=where,
        count=len(where),
        message=f"in {len(rows)} files; the clearest, {surest.where[0]}: {surest.message}",
        times=(),
    )
