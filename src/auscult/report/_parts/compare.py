"""The lines that only `compare` has: the first divergence, error against floor along the depth, the tree, the layers around."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import log10
from typing import Any

from auscult.report._glossary import FLOOR_MEANING
from auscult.report._parts import VerbPart
from auscult.report._style import Style
from auscult.report.sections import find_section
from auscult.report.sections.compare import CompareSection
from auscult.verdict import Report

BARS = "▁▂▃▄▅▆▇█"
WIDTH = 72
LAYERS_AROUND = 4
"""Layers shown before and after the first divergence."""
MAX_TREE_LINES = 40

LayerFacts = Mapping[str, Any]
STATE_COLORS = {"born": "red", "grown": "yellow", "differs": "yellow", "same": "green"}


def iter_compare_lines(section: CompareSection, style: Style, verbose: int) -> Iterator[str]:
    """The comparison as lines; nothing but the floor where every layer agrees."""
    layers, first = section.layers, section.first_divergence
    yield style(f"noise floor ({FLOOR_MEANING}): {section.floor['what']}", "dim")
    for stage in section.stages or ():
        yield format_stage(stage, style)
    for steps in section.steps or ():
        yield format_steps(steps, style)
    if first is None:
        return
    if verbose <= 0 and is_difference_inside(layers):
        layers_above = [layer for layer in layers if classify_layer(layer) != "same"]
        largest_error = max(
            (layer["error"] for layer in layers_above if layer["error"] is not None), default=0.0
        )
        if layers_above:
            inside_note = f"{len(layers_above)} layers inside are above the floor, by rounding alone, at most {format_number(largest_error)} off"
        else:
            inside_note = ""
        yield style(
            f"{inside_note or 'inside, inputs of layers are above the floor'}; the output agrees; -v shows them",
            "dim",
        )
        return
    yield ""
    yield format_first_divergence(first, style)
    yield ""
    yield from iter_sparkline_lines(layers, style)
    yield ""
    yield from iter_tree_lines(layers, first, style, None if verbose > 1 else MAX_TREE_LINES)
    yield ""
    yield from iter_table_lines(layers, first, style, None if verbose > 0 else LAYERS_AROUND)


def is_difference_inside(layers: Sequence[LayerFacts]) -> bool:
    """Whether what differs is inside a model whose output agrees, and none of it was born anywhere."""
    return any(
        layer["a"] == "" and classify_layer(layer) == "same" for layer in layers
    ) and not any(layer["born"] for layer in layers)


def classify_layer(layer: LayerFacts) -> str:
    """`born`, `grown`, `differs` (it is not known which), `same`."""
    if layer["born"] or layer["grown"]:
        if layer["born"]:
            return "born"
        return "grown"
    if layer["error"] is not None and layer["error"] <= layer["limit"]:
        return "same"
    return "differs"


def format_first_divergence(first: Mapping[str, Any], style: Style) -> str:
    """Where the two first part, and whose code it is."""
    layer_names = f"{first['a'] or '(the whole model)'}" + (
        f" = {first['b']}" if first["b"] != first["a"] else ""
    )
    call_note = f", call {first['call']}" if first["call"] else ""
    faulty_value = f"{first['role']} of {layer_names}{call_note}"
    if first["error"] is not None:
        error_text = format_number(first["error"])
    else:
        error_text = first.get("reason", "not comparable")
    origin_note = ""
    if first["parent"] is not None and first["role"].startswith("input"):
        origin_note = f": handed over by the code of {first['parent'] or 'the whole model'}"
    title = "first divergence" if first["born"] else "first difference"
    return f"{style(title, 'red', 'bold')}  {faulty_value}, error {error_text} against a floor of {format_number(first['floor'])}{origin_note}"


def iter_sparkline_lines(layers: Sequence[LayerFacts], style: Style) -> Iterator[str]:
    """Error and floor along the depth on one logarithmic scale, the worst of the layers that share a column."""
    values = [(layer["error"], layer["floor"]) for layer in layers]
    plotted_values = [value for pair in values for value in pair if value]
    if not plotted_values:
        return
    low, high = log10(min(plotted_values)), log10(max(plotted_values))
    columns = _split_columns(values, WIDTH)
    for name, index in (("error", 0), ("floor", 1)):
        bars = "".join(
            _draw_bar(find_column_maximum(column, index), low, high) for column in columns
        )
        yield f"{style(name, 'dim')} {style(bars, 'red' if index == 0 else 'cyan')}"
    yield style(
        f"      {len(layers)} layers in order, from {10**low:.1e} to {10**high:.1e}, logarithmic",
        "dim",
    )


def _split_columns(values: Sequence[Any], width: int) -> list[Sequence[Any]]:
    count = min(width, len(values))
    return [values[len(values) * i // count : len(values) * (i + 1) // count] for i in range(count)]


def find_column_maximum(
    column: Sequence[tuple[float | None, float | None]], index: int
) -> float | None:
    """The largest of one column; None (not comparable) is the largest of all."""
    column_values = [pair[index] for pair in column]
    if any(value is None for value in column_values):
        return None
    return max(value for value in column_values if value is not None)


def _draw_bar(value: float | None, low: float, high: float) -> str:
    if value is None:
        return BARS[-1]
    if value <= 0 or high <= low:
        return BARS[0]
    return BARS[min(len(BARS) - 1, max(0, int((log10(value) - low) / (high - low) * len(BARS))))]


def iter_tree_lines(
    layers: Sequence[LayerFacts], first: Mapping[str, Any], style: Style, max_lines: int | None
) -> Iterator[str]:
    """The module tree in which subtrees of one state are one line, with the first divergence marked."""
    states = {layer["a"]: classify_layer(layer) for layer in layers}
    causes = {layer["a"]: layer["causes"] for layer in layers}
    rows = list(_iter_tree_rows("", states, first["a"]))
    for depth, path, size in rows[:max_lines]:
        state = states.get(path, "")
        parent_path = _find_parent(path, states)
        name = f"{'  ' * depth}{path[len(parent_path) :].lstrip('.') or '(the whole model)'}"
        inside_note = f" and {size} inside" if size else ""
        causes_text = f"  {', '.join(causes.get(path, ()))}" if causes.get(path) else ""
        title = "first divergence" if first["born"] else "first difference"
        if path == first["a"]:
            divergence_mark = style(f"  <- {title}", "red", "bold")
        else:
            divergence_mark = ""
        yield f"{name}  {style(state, STATE_COLORS.get(state, 'dim'))}{style(inside_note, 'dim')}{causes_text}{divergence_mark}"
    if max_lines is not None and len(rows) > max_lines:
        yield style(f"+{len(rows) - max_lines} more; -vv shows them", "dim")


def _iter_tree_rows(
    path: str, states: Mapping[str, str], first_path: str
) -> Iterator[tuple[int, str, int]]:
    """(depth, path, modules folded into it) of the tree below a path, in order of execution."""
    children_by_parent: dict[str, list[str]] = {}
    for name in states:
        if name:
            children_by_parent.setdefault(_find_parent(name, states), []).append(name)

    def walk_node(node: str, depth: int) -> Iterator[tuple[int, str, int]]:
        inner_paths = list(_iter_descendants(node, children_by_parent))
        uniform = (
            node
            and inner_paths
            and first_path not in inner_paths
            and {states[inner_path] for inner_path in inner_paths} == {states[node]}
        )
        yield depth, node, len(inner_paths) if uniform else 0
        if not uniform:
            for child in children_by_parent.get(node, ()):
                yield from walk_node(child, depth + 1)

    if path in states:
        yield from walk_node(path, 0)
    else:
        for top_name in children_by_parent.get("", ()):
            yield from walk_node(top_name, 0)


def _find_parent(name: str, states: Mapping[str, str]) -> str:
    while name:
        name = name.rpartition(".")[0]
        if name in states:
            return name
    return ""


def _iter_descendants(node: str, children_by_parent: Mapping[str, list[str]]) -> Iterator[str]:
    for child in children_by_parent.get(node, ()):
        yield child
        yield from _iter_descendants(child, children_by_parent)


def iter_table_lines(
    layers: Sequence[LayerFacts], first: Mapping[str, Any], style: Style, around: int | None
) -> Iterator[str]:
    """The layers around the first divergence, or all: error, floor, state, causes."""
    first_index = next((index for index, layer in enumerate(layers) if layer["a"] == first["a"]), 0)
    if around is None:
        shown = layers
    else:
        shown = layers[max(0, first_index - around) : first_index + around + 1]
    width = max((len(_format_layer_names(layer)) for layer in shown), default=0)
    yield style(f"{'layer'.ljust(width)}     error     floor  state", "dim")
    for layer in shown:
        state = classify_layer(layer)
        error_text = "     none" if layer["error"] is None else f"{layer['error']:9.1e}"
        remark = ", ".join(layer["causes"]) or layer.get("reason", "")
        floor_text = "     none" if layer["floor"] is None else f"{layer['floor']:9.1e}"
        line = f"{_format_layer_names(layer).ljust(width)} {error_text} {floor_text}  {style(state, STATE_COLORS[state])}"
        yield f"{line}  {remark}" if remark else line


def _format_layer_names(layer: LayerFacts) -> str:
    """`decoder.attn1.to_q = ….query_proj`: of the candidate's name what it does not share with the reference's."""
    name = layer["a"] or "(the whole model)"
    if layer["b"] == layer["a"]:
        return name
    reference_parts, candidate_parts = layer["a"].split("."), layer["b"].split(".")
    shared_count = 0
    while (
        shared_count < min(len(reference_parts), len(candidate_parts)) - 1
        and reference_parts[shared_count] == candidate_parts[shared_count]
    ):
        shared_count += 1
    return f"{name} = {'….' if shared_count else ''}{'.'.join(candidate_parts[shared_count:]) or '(the whole model)'}"


def format_stage(stage: Mapping[str, Any], style: Style) -> str:
    """One stage: what it does by itself, and what is left of the final error when it is taken from the reference."""
    state = "born" if stage["guilty"] else "same"
    if stage["own"] is None:
        own_error = "not comparable"
    else:
        own_error = format_number(stage["own"])
    if stage["left"] is None:
        remaining_note = ""
    else:
        remaining_note = f"; with the reference's in its place the model's error is {format_number(stage['left'])}"
    verdict_text = style("guilty" if stage["guilty"] else "right", STATE_COLORS[state])
    return f"{style('stage', 'bold')} {stage['a']}  {verdict_text}, own error {own_error}{remaining_note}"


def format_steps(steps: Mapping[str, Any], style: Style) -> str:
    """One module that is called again and again."""
    verdict = steps["verdict"]
    shade = {"same": "green", "chaotic": "yellow"}.get(verdict, "red")
    return f"{style('steps', 'bold')} {steps['a']}  {steps['steps']} calls, {style(verdict, shade)}: {steps['says']}"


def format_number(value: float) -> str:
    """`3.1e-07`, `0.19`."""
    if value >= 0.01:
        return f"{value:.2g}"
    return f"{value:.1e}"


def show_before(report: Report, style: Style, verbose: int) -> Iterator[str]:
    """The layers, as far as they matter."""
    section = find_section(report, CompareSection)
    if section is not None:
        yield from iter_compare_lines(section, style, verbose)


PART = VerbPart(before=show_before, joint=" against ", examined=1)
