"""The lines that only `inspect` has: what the file is, its module tree, and on request every tensor and histograms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from auscult.facts.words import counted
from auscult.report._style import Style
from auscult.verdict import Report

BEFORE = True
MAX_ROWS = 40
MAX_TIES = 4
BARS = " ▁▂▃▄▅▆▇█"


def lines(report: Report, style: Style, verbose: int) -> Iterator[str]:
    """What the file holds."""
    if report.command != "inspect":
        return
    yield ""
    yield from inspect_lines(report.extra, style, verbose)


def inspect_lines(extra: Mapping[str, Any], style: Style, verbose: int) -> Iterator[str]:
    """What the file is, line by line."""
    facts = extra["checkpoint"]
    for title, text in _facts(facts, verbose):
        yield f"{style(title.ljust(16), 'dim')}{text}"
    yield ""
    yield from tree_lines(facts["modules"], style, verbose)
    if facts.get("tensor_list"):
        yield ""
        yield from tensor_lines(facts["tensor_list"], style)
    for name, histogram in facts.get("histograms", {}).items():
        yield ""
        yield from histogram_lines(name, histogram, style)


def _facts(facts: Mapping[str, Any], verbose: int) -> Iterator[tuple[str, str]]:
    yield "format", facts["format"]
    yield from _containers(facts["containers"])
    dtypes = ", ".join(
        f"{dtype} ({count})" if len(facts["dtypes"]) > 1 else dtype
        for dtype, count in facts["dtypes"].items()
    )
    yield (
        "content",
        f"{facts['tensors']:,} tensors, {facts['parameters']:,} values, {size_text(facts['bytes'])}, {dtypes}",
    )
    yield "layout", f"{facts['layout']}: {facts['layout_evidence']}"
    yield "parametrisation", f"{facts['parametrisation']}: {facts['parametrisation_evidence']}"
    yield from _family(facts, verbose)
    yield "health", health_text(facts["health"])
    for group in facts["ties"][: None if verbose else MAX_TIES]:
        yield "tied", " = ".join(group)
    if len(facts["ties"]) > MAX_TIES and not verbose:
        yield "", f"+{len(facts['ties']) - MAX_TIES} more; -v lists them"
    metadata = [f"{name}={text}" for name, text in facts["metadata"].items()]
    if metadata:
        yield "metadata", _shorten(", ".join(metadata), None if verbose else 160)


def _containers(containers: list[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    if len(containers) == 1 and not containers[0]["path"]:
        return
    for entry in containers:
        label = "".join(f"[{step!r}]" for step in entry["path"]).replace("'", '"') or "(top level)"
        note = "" if entry["chosen"] else f", not looked at ({entry['kind']})"
        yield (
            "container",
            f"{label}: {entry['tensors']:,} tensors, {entry['parameters']:,} values{note}",
        )


def _family(facts: Mapping[str, Any], verbose: int) -> Iterator[tuple[str, str]]:
    nearest = facts["nearest"]
    if facts["family"]:
        variant = f" {facts['variant']}" if facts["variant"] else ""
        under = f", under {facts['prefix']}" if facts["prefix"] else ""
        yield (
            "family",
            f"{facts['family']}{variant} ({nearest[0]['score']:.0%} of names and shapes{under})",
        )
        open_choices = facts["undetermined"]
        settled = ", ".join(
            f"{name}={_brief(value)}"
            for name, value in facts["hyperparameters"].items()
            if name not in open_choices
        )
        if settled:
            yield "", settled
        if open_choices:
            yield "", f"no tensor shows {', '.join(open_choices)}: usual values assumed"
    elif nearest:
        for found in nearest if verbose else nearest[:1]:
            missing = "; ".join(found["missing_evidence"][: None if verbose else 2])
            yield (
                "family",
                f"none; nearest is {found['family']} ({found['score']:.0%}): {missing or 'no evidence is missing'}",
            )
    else:
        yield "family", "none that auscult knows"


def health_text(health: Mapping[str, Any]) -> str:
    """`finite, 3 all zero; sampled 1.0 % of values, --full reads all`."""
    problems = [
        ("non_finite", "with NaN or Inf"),
        ("all_zero", "all zero"),
        ("constant", "constant"),
        ("fresh", "untrained-looking"),
    ]
    parts = [f"{counted(health[key], 'tensor')} {words}" for key, words in problems if health[key]]
    if health["dead_channels"]:
        parts.append(counted(health["dead_channels"], "dead channel"))
    share = health["share_seen"]
    seen = (
        "all values read"
        if share >= 1.0
        else f"sampled {_percent(share)} of values, --full reads all"
    )
    return f"{', '.join(parts) or 'finite, no constant or untrained-looking tensors'}; {seen}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if share >= 0.001 else f"{100 * share:.2g} %"


def tree_lines(rows: list[Mapping[str, Any]], style: Style, verbose: int) -> Iterator[str]:
    """One line per kind of module."""
    shown = rows if verbose else rows[:MAX_ROWS]
    width = min(max((len(row["path"]) for row in shown), default=0), 60)
    for row in shown:
        path = row["path"] or "(top level)"
        count = f"×{row['count']}" if row["count"] > 1 else ""
        leaves = "  ".join(
            f"{leaf['name']} {shape_text(leaf['shape'])}" for leaf in row["tensors"][:8]
        )
        more = f"  +{len(row['tensors']) - 8} more" if len(row["tensors"]) > 8 else ""
        kind = f"{row['type']}  " if row.get("type") else ""
        yield f"{path.ljust(width)} {style(count.rjust(5), 'cyan')}  {kind}{leaves}{more}"
    if len(shown) < len(rows):
        yield style(f"+{len(rows) - len(shown)} more kinds of module; -v lists them", "dim")


def shape_text(shape: list[int]) -> str:
    """`512×80×7`; `scalar` for none."""
    return "×".join(map(str, shape)) or "scalar"


def tensor_lines(rows: list[Mapping[str, Any]], style: Style) -> Iterator[str]:
    """One line per tensor."""
    width = min(max((len(row["name"]) for row in rows), default=0), 80)
    for row in rows:
        line = f"{row['name'].ljust(width)}  {shape_text(row['shape']).rjust(16)}  {row['dtype'].ljust(9)}"
        if "mean" in row:
            line += f"  {row['minimum']:+.3e} to {row['maximum']:+.3e}  mean {row['mean']:+.2e}  std {row['std']:.2e}"
            line += style(f"  {row['fresh']}", "yellow") if row["fresh"] else ""
        yield line


def histogram_lines(name: str, histogram: Mapping[str, Any], style: Style) -> Iterator[str]:
    """A row of bars from the smallest to the largest value, in steps of the square root so that tails are seen."""
    counts, edges = histogram["counts"], histogram["edges"]
    top = max(counts)
    bars = "".join(
        BARS[-(-int(8_000 * (count / top) ** 0.5) // 1000)] if count else BARS[0]
        for count in counts
    )
    yield f"{style(name, 'bold')}"
    yield f"{edges[0]:+.4g} |{bars}| {edges[-1]:+.4g}   largest bin {top:,} of {sum(counts):,} (heights: square root)"


def size_text(count: int) -> str:
    """`56.0 MB`."""
    size = float(count)
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return ""


def _brief(value: Any) -> str:
    return str(list(value) if isinstance(value, tuple) else value).replace(" ", "")


def _shorten(text: str, limit: int | None) -> str:
    return text if limit is None or len(text) <= limit else f"{text[:limit]}..."
