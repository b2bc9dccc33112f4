"""What `convert` did, for a person: the file written, what was changed on the way, and how that was proven."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from auscult.facts.words import format_count
from auscult.report._parts import VerbPart
from auscult.report._style import Style
from auscult.report._where import format_places, quote_word
from auscult.report.sections import find_section
from auscult.report.sections.convert import ConvertSection
from auscult.verdict import Report

LEFT_OUT_WORDS = {
    "dropped": "as asked",
    "bookkeeping": "counters and copies that nothing is lost with",
}
_SIZE_UNITS = ("bytes", "kB", "MB", "GB", "TB")


def _format_size(count: float) -> str:
    """`512 bytes`, `56.2 MB`."""
    unit_index = 0
    while count >= 1000 and unit_index < len(_SIZE_UNITS) - 1:
        count, unit_index = count / 1000, unit_index + 1
    if unit_index:
        return f"{count:.1f} {_SIZE_UNITS[unit_index]}"
    return f"{count:.0f} bytes"


def show_before(report: Report, style: Style, verbose: int) -> Iterator[str]:  # noqa: ARG001
    """`wrote out.npz: npz, 156 tensors, 56.2 MB`, then the operations and the proof."""
    section = find_section(report, ConvertSection)
    if section is None:
        return
    output = section.output
    content_text = f"{output['tensors']} tensors, {_format_size(output['bytes'])}"
    if output["path"] is None:
        yield f"nothing written: it would hold {content_text}"
    else:
        if len(output["files"]) > 1:
            files_note = f" in {len(output['files'])} files"
        else:
            files_note = ""
        yield f"wrote {output['path']}: {output['format']}, {content_text}{files_note}"
    operations = Counter(str(op["op"]) for entry in report.mapping for op in entry.ops)
    renamed_count = sum(entry.a != entry.b for entry in report.mapping)
    changes = [f"{count} {name}" for name, count in operations.most_common()] + (
        [f"{renamed_count} renamed"] if renamed_count else []
    )
    yield f"changed: {', '.join(changes) or 'nothing but the file format'}"
    if output["evidence"]:
        yield f"layers told by: {', '.join(f'{count} {evidence_kind}' for evidence_kind, count in output['evidence'].items())}"
    yield from _iter_left_out_lines(output)
    for kind in output.get("dequantised", ()):
        yield (
            f"dequantised: {format_count(kind['tensors'], 'weight')}, {kind['storage']}; no value is farther than "
            f"{kind['largest_error']:.3g} from the one that was quantised "
            f"({100 * kind['largest_share']:.2g} % of its tensor's largest)"
        )
    if output.get("read_back"):
        yield (
            f"proven: read back, all {output['read_back']} tensors of the file are bit for bit what the source holds, or what"
            " its codes and scales stand for, after the changes above"
        )
    elif output.get("dequantised"):
        yield "proven: every number is the one that the source's codes and scales stand for"
    elif output["lossless"]:
        yield "proven: taken back, every tensor is the source's bit for bit"
    else:
        yield "proven: every tensor is within the rounding of its number format; the way back does not restore every bit"


def _iter_left_out_lines(output: Mapping[str, Any]) -> Iterator[str]:
    """What of the source is not in the file."""
    for key, words in LEFT_OUT_WORDS.items():
        names = output.get(key, ())
        if names:
            yield f"left out, {words}: {format_places(tuple(names))}"
    for group in output.get("not_taken", ()):
        yield f"not taken: {group['container']}, {format_count(group['tensors'], 'tensor')} ({group['kind']})"


def suggest_check(report: Report) -> str | None:
    """The command that checks the new file, where one was written."""
    section = find_section(report, ConvertSection)
    if section is None or not section.output["path"]:
        return None
    words = (report.subjects[0], section.output["path"])
    return f"auscult diff {' '.join(map(quote_word, words))}"


PART = VerbPart(
    before=show_before,
    next_command=suggest_check,
    nothing_found="nothing was found in the way of writing it",
)
