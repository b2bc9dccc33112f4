"""The lines that only `inspect` has: what the file is, its module tree, and on request every tensor and histograms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from auscult.facts.words import format_count
from auscult.report._parts import VerbPart
from auscult.report._style import Style
from auscult.report.sections import find_section
from auscult.report.sections.inspect import InspectSection
from auscult.verdict import Report

MAX_ROWS = 40
MAX_TIES = 4
TITLE_WIDTH = 16
BARS = " ▁▂▃▄▅▆▇█"


def iter_inspect_lines(facts: Mapping[str, Any], style: Style, verbose: int) -> Iterator[str]:
    """What the file is, line by line."""
    for title, text in _iter_fact_rows(facts, verbose):
        rows = style.wrap_text(f"{title.ljust(TITLE_WIDTH)}{text}", TITLE_WIDTH)
        yield style(rows[0][:TITLE_WIDTH], "dim") + rows[0][TITLE_WIDTH:]
        yield from rows[1:]
    yield ""
    yield from iter_tree_lines(facts["modules"], style, verbose)
    if facts.get("tensor_list"):
        yield ""
        yield from iter_tensor_lines(facts["tensor_list"], style)
    for name, histogram in facts.get("histograms", {}).items():
        yield ""
        yield from iter_histogram_lines(name, histogram, style)


def _iter_fact_rows(facts: Mapping[str, Any], verbose: int) -> Iterator[tuple[str, str]]:
    yield "format", facts["format"]
    yield from _iter_container_rows(facts["containers"])
    dtypes = ", ".join(
        f"{dtype} ({count})" if len(facts["dtypes"]) > 1 else dtype
        for dtype, count in facts["dtypes"].items()
    )
    storages = "".join(
        f"; {format_count(kind['tensors'], 'weight')} {kind['storage']}"
        for kind in facts.get("quantised", ())
    )
    yield (
        "content",
        f"{facts['tensors']:,} tensors, {facts['parameters']:,} values, {format_size(facts['bytes'])}, {dtypes}{storages}",
    )
    yield "layout", f"{facts['layout']}: {facts['layout_evidence']}"
    yield "parametrisation", f"{facts['parametrisation']}: {facts['parametrisation_evidence']}"
    yield from _iter_family_rows(facts, verbose)
    yield "health", format_health(facts["health"])
    for group in facts["ties"][: None if verbose else MAX_TIES]:
        yield "tied", " = ".join(group)
    if len(facts["ties"]) > MAX_TIES and not verbose:
        yield "", f"+{len(facts['ties']) - MAX_TIES} more; -v lists them"
    metadata = [f"{name}={text}" for name, text in facts["metadata"].items()]
    if metadata:
        yield "metadata", _shorten_text(", ".join(metadata), None if verbose else 160)


def _iter_container_rows(containers: list[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    if len(containers) == 1 and not containers[0]["path"]:
        return
    for entry in containers:
        label = "".join(f"[{step!r}]" for step in entry["path"]).replace("'", '"') or "(top level)"
        note = "" if entry["chosen"] else f", not looked at ({entry['kind']})"
        yield (
            "container",
            f"{label}: {entry['tensors']:,} tensors, {entry['parameters']:,} values{note}",
        )


def _iter_family_rows(facts: Mapping[str, Any], verbose: int) -> Iterator[tuple[str, str]]:
    nearest = facts["nearest"]
    if facts["family"]:
        variant = f" {facts['variant']}" if facts["variant"] else ""
        prefix_note = f", under {facts['prefix']}" if facts["prefix"] else ""
        yield (
            "family",
            f"{facts['family']}{variant} ({nearest[0]['score']:.0%} of names and shapes{prefix_note})",
        )
        open_choices = facts["undetermined"]
        settled_text = ", ".join(
            f"{name}={_format_compactly(value)}"
            for name, value in facts["hyperparameters"].items()
            if name not in open_choices
        )
        if settled_text:
            yield "", settled_text
        if open_choices:
            yield "", f"no tensor shows {', '.join(open_choices)}: usual values assumed"
    elif nearest:
        for nearest_family in nearest if verbose else nearest[:1]:
            missing_text = "; ".join(nearest_family["missing_evidence"][: None if verbose else 2])
            yield (
                "family",
                f"none; nearest is {nearest_family['family']} ({nearest_family['score']:.0%}): {missing_text or 'no evidence is missing'}",
            )
    else:
        yield "family", "none that auscult knows"


def format_health(health: Mapping[str, Any]) -> str:
    """`finite, 3 all zero; sampled 1.0 % of values, --full reads all`."""
    if not health["values_seen"]:
        return "no value was read"
    problems = [
        ("non_finite", "with NaN or Inf"),
        ("all_zero", "all zero"),
        ("constant", "constant"),
        ("fresh", "untrained-looking"),
    ]
    parts = [
        f"{format_count(health[key], 'tensor')} {words}" for key, words in problems if health[key]
    ]
    if health["dead_channels"]:
        parts.append(format_count(health["dead_channels"], "dead channel"))
    share = health["share_seen"]
    if share >= 1.0:
        coverage_text = "all values read"
    else:
        coverage_text = f"sampled {_format_percent(share)} of values, --full reads all"
    return (
        f"{', '.join(parts) or 'finite, no constant or untrained-looking tensors'}; {coverage_text}"
    )


def _format_percent(share: float) -> str:
    if share >= 0.001:
        return f"{100 * share:.1f} %"
    return f"{100 * share:.2g} %"


def iter_tree_lines(rows: list[Mapping[str, Any]], style: Style, verbose: int) -> Iterator[str]:
    """One line per kind of module."""
    shown = rows if verbose else rows[:MAX_ROWS]
    width = min(max((len(row["path"]) for row in shown), default=0), 60)
    for row in shown:
        path = row["path"] or "(top level)"
        count = f"×{row['count']}" if row["count"] > 1 else ""
        leaves = "  ".join(
            f"{leaf['name']} {format_shape(leaf['shape'])}{_format_storage(leaf)}"
            for leaf in row["tensors"][:8]
        )
        if len(row["tensors"]) > 8:
            more_note = f"  +{len(row['tensors']) - 8} more"
        else:
            more_note = ""
        kind = f"{row['type']}  " if row.get("type") else ""
        yield f"{path.ljust(width)} {style(count.rjust(5), 'cyan')}  {kind}{leaves}{more_note}"
    if len(shown) < len(rows):
        yield style(f"+{len(rows) - len(shown)} more kinds of module; -v lists them", "dim")


def _format_storage(leaf: Mapping[str, Any]) -> str:
    """How a quantised tensor is stored, without the quantiser's name; nothing for others."""
    label = str(leaf.get("storage") or "")
    return f" {label.partition(' (')[0]}" if label else ""


def format_shape(shape: list[int]) -> str:
    """`512×80×7`; `scalar` for none."""
    return "×".join(map(str, shape)) or "scalar"


def iter_tensor_lines(rows: list[Mapping[str, Any]], style: Style) -> Iterator[str]:
    """One line per tensor."""
    width = min(max((len(row["name"]) for row in rows), default=0), 80)
    for row in rows:
        line = f"{row['name'].ljust(width)}  {format_shape(row['shape']).rjust(16)}  {row['dtype'].ljust(9)}"
        if "storage" in row:
            line += f"  {row['storage']}"
        if "mean" in row:
            line += f"  {row['minimum']:+.3e} to {row['maximum']:+.3e}  mean {row['mean']:+.2e}  std {row['std']:.2e}"
            line += style(f"  {row['fresh']}", "yellow") if row["fresh"] else ""
        yield line


def iter_histogram_lines(name: str, histogram: Mapping[str, Any], style: Style) -> Iterator[str]:
    """A row of bars from the smallest to the largest value, in steps of the square root so that tails are seen."""
    counts, edges = histogram["counts"], histogram["edges"]
    top = max(counts)
    bars = "".join(
        BARS[-(-int(8_000 * (count / top) ** 0.5) // 1000)] if count else BARS[0]
        for count in counts
    )
    yield f"{style(name, 'bold')}"
    yield f"{edges[0]:+.4g} |{bars}| {edges[-1]:+.4g}   largest bin {top:,} of {sum(counts):,} (heights: square root)"


def format_size(count: int) -> str:
    """`56.0 MB`."""
    size = float(count)
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            if unit == "bytes":
                return f"{size:.0f} {unit}"
            return f"{size:.1f} {unit}"
        size /= 1000
    return ""


def _format_compactly(value: Any) -> str:
    return str(list(value) if isinstance(value, tuple) else value).replace(" ", "")


def _shorten_text(text: str, limit: int | None) -> str:
    if limit is None or len(text) <= limit:
        return text
    return f"{text[:limit]}..."


def show_before(report: Report, style: Style, verbose: int) -> Iterator[str]:
    """What the file holds."""
    section = find_section(report, InspectSection)
    if section is not None:
        yield ""
        yield from iter_inspect_lines(section.checkpoint, style, verbose)


PART = VerbPart(before=show_before)
