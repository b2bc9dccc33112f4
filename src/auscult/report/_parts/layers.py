"""The lines that only `compare` has: the first divergence, error against floor along the depth, the tree, the layers around."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import log10
from typing import Any

from auscult.report._style import Style
from auscult.verdict import Report

BEFORE = True
BARS = "▁▂▃▄▅▆▇█"
WIDTH = 72
AROUND = 4
"""Layers shown before and after the first divergence."""
MAX_TREE = 40

Layer = Mapping[str, Any]
STATES = {"born": "red", "grown": "yellow", "differs": "yellow", "same": "green"}


def lines(report: Report, style: Style, verbose: int) -> Iterator[str]:
    """The comparison, where it is the report and not a part of one."""
    if report.command != "compare":
        return
    yield from compare_lines(report.extra, style, verbose)


def compare_lines(extra: Mapping[str, Any], style: Style, verbose: int) -> Iterator[str]:
    """The comparison as lines; nothing but the floor where every layer agrees."""
    layers, first = extra["layers"], extra["first_divergence"]
    yield style(f"noise floor: {extra['floor']['what']}", "dim")
    for stage in extra.get("stages", ()):
        yield stage_line(stage, style)
    for steps in extra.get("steps", ()):
        yield steps_line(steps, style)
    if first is None:
        return
    if verbose <= 0 and is_inside(layers):
        above = [layer for layer in layers if state_of(layer) != "same"]
        most = max((layer["error"] for layer in above if layer["error"] is not None), default=0.0)
        said = (
            f"{len(above)} layers inside are above the floor, by rounding alone, at most {number_text(most)} off"
            if above
            else ""
        )
        yield style(
            f"{said or 'inside, inputs of layers are above the floor'}; the output agrees; -v shows them",
            "dim",
        )
        return
    yield ""
    yield first_line(first, style)
    yield ""
    yield from sparkline(layers, style)
    yield ""
    yield from tree_lines(layers, first, style, None if verbose > 1 else MAX_TREE)
    yield ""
    yield from table_lines(layers, first, style, None if verbose > 0 else AROUND)


def is_inside(layers: Sequence[Layer]) -> bool:
    """Whether what differs is inside a model whose output agrees, and none of it was born anywhere."""
    return any(layer["a"] == "" and state_of(layer) == "same" for layer in layers) and not any(
        layer["born"] for layer in layers
    )


def state_of(layer: Layer) -> str:
    """`born`, `grown`, `differs` (it is not known which), `same`."""
    if layer["born"] or layer["grown"]:
        return "born" if layer["born"] else "grown"
    return "same" if layer["error"] is not None and layer["error"] <= layer["limit"] else "differs"


def first_line(first: Mapping[str, Any], style: Style) -> str:
    """Where the two first part, and whose code it is."""
    place = f"{first['a'] or '(the whole model)'}" + (
        f" = {first['b']}" if first["b"] != first["a"] else ""
    )
    call = f", call {first['call']}" if first["call"] else ""
    what = f"{first['role']} of {place}{call}"
    error = (
        number_text(first["error"])
        if first["error"] is not None
        else first.get("reason", "not comparable")
    )
    where = ""
    if first["parent"] is not None and first["role"].startswith("input"):
        where = f": handed over by the code of {first['parent'] or 'the whole model'}"
    title = "first divergence" if first["born"] else "first difference"
    return f"{style(title, 'red', 'bold')}  {what}, error {error} against a floor of {number_text(first['floor'])}{where}"


def sparkline(layers: Sequence[Layer], style: Style) -> Iterator[str]:
    """Error and floor along the depth on one logarithmic scale, the worst of the layers that share a column."""
    values = [(layer["error"], layer["floor"]) for layer in layers]
    known = [value for pair in values for value in pair if value]
    if not known:
        return
    low, high = log10(min(known)), log10(max(known))
    columns = _columns(values, WIDTH)
    for name, index in (("error", 0), ("floor", 1)):
        bars = "".join(_bar(max_of(part, index), low, high) for part in columns)
        yield f"{style(name, 'dim')} {style(bars, 'red' if index == 0 else 'cyan')}"
    yield style(
        f"      {len(layers)} layers in order, from {10**low:.1e} to {10**high:.1e}, logarithmic",
        "dim",
    )


def _columns(values: Sequence[Any], width: int) -> list[Sequence[Any]]:
    count = min(width, len(values))
    return [values[len(values) * i // count : len(values) * (i + 1) // count] for i in range(count)]


def max_of(part: Sequence[tuple[float | None, float | None]], index: int) -> float | None:
    """The largest of one column; None (not comparable) is the largest of all."""
    found = [pair[index] for pair in part]
    return (
        None
        if any(value is None for value in found)
        else max(value for value in found if value is not None)
    )


def _bar(value: float | None, low: float, high: float) -> str:
    if value is None:
        return BARS[-1]
    if value <= 0 or high <= low:
        return BARS[0]
    return BARS[min(len(BARS) - 1, max(0, int((log10(value) - low) / (high - low) * len(BARS))))]


def tree_lines(
    layers: Sequence[Layer], first: Mapping[str, Any], style: Style, most: int | None
) -> Iterator[str]:
    """The module tree in which subtrees of one state are one line, with the first divergence marked."""
    states = {layer["a"]: state_of(layer) for layer in layers}
    causes = {layer["a"]: layer["causes"] for layer in layers}
    rows = list(_rows("", states, first["a"]))
    for depth, path, size in rows[:most]:
        state = states.get(path, "")
        above = _parent(path, states)
        name = f"{'  ' * depth}{path[len(above) :].lstrip('.') or '(the whole model)'}"
        inside = f" and {size} inside" if size else ""
        why = f"  {', '.join(causes.get(path, ()))}" if causes.get(path) else ""
        title = "first divergence" if first["born"] else "first difference"
        mark = style(f"  <- {title}", "red", "bold") if path == first["a"] else ""
        yield f"{name}  {style(state, STATES.get(state, 'dim'))}{style(inside, 'dim')}{why}{mark}"
    if most is not None and len(rows) > most:
        yield style(f"+{len(rows) - most} more; -vv shows them", "dim")


def _rows(path: str, states: Mapping[str, str], first: str) -> Iterator[tuple[int, str, int]]:
    """(depth, path, modules folded into it) of the tree below a path, in order of execution."""
    below: dict[str, list[str]] = {}
    for name in states:
        if name:
            below.setdefault(_parent(name, states), []).append(name)

    def walk(node: str, depth: int) -> Iterator[tuple[int, str, int]]:
        inside = list(_descendants(node, below))
        uniform = (
            node
            and inside
            and first not in inside
            and {states[part] for part in inside} == {states[node]}
        )
        yield depth, node, len(inside) if uniform else 0
        if not uniform:
            for child in below.get(node, ()):
                yield from walk(child, depth + 1)

    if path in states:
        yield from walk(path, 0)
    else:
        for top in below.get("", ()):
            yield from walk(top, 0)


def _parent(name: str, states: Mapping[str, str]) -> str:
    while name:
        name = name.rpartition(".")[0]
        if name in states:
            return name
    return ""


def _descendants(node: str, below: Mapping[str, list[str]]) -> Iterator[str]:
    for child in below.get(node, ()):
        yield child
        yield from _descendants(child, below)


def table_lines(
    layers: Sequence[Layer], first: Mapping[str, Any], style: Style, around: int | None
) -> Iterator[str]:
    """The layers around the first divergence, or all: error, floor, state, causes."""
    place = next((index for index, layer in enumerate(layers) if layer["a"] == first["a"]), 0)
    shown = layers if around is None else layers[max(0, place - around) : place + around + 1]
    width = max((len(_names(layer)) for layer in shown), default=0)
    yield style(f"{'layer'.ljust(width)}     error     floor  state", "dim")
    for layer in shown:
        state = state_of(layer)
        error = "     none" if layer["error"] is None else f"{layer['error']:9.1e}"
        why = ", ".join(layer["causes"]) or layer.get("reason", "")
        floor = "     none" if layer["floor"] is None else f"{layer['floor']:9.1e}"
        line = f"{_names(layer).ljust(width)} {error} {floor}  {style(state, STATES[state])}"
        yield f"{line}  {why}" if why else line


def _names(layer: Layer) -> str:
    """`decoder.attn1.to_q = ….query_proj`: of the candidate's name what it does not share with the reference's."""
    name = layer["a"] or "(the whole model)"
    if layer["b"] == layer["a"]:
        return name
    mine, theirs = layer["a"].split("."), layer["b"].split(".")
    shared = 0
    while shared < min(len(mine), len(theirs)) - 1 and mine[shared] == theirs[shared]:
        shared += 1
    return f"{name} = {'….' if shared else ''}{'.'.join(theirs[shared:]) or '(the whole model)'}"


def stage_line(stage: Mapping[str, Any], style: Style) -> str:
    """One stage: what it does by itself, and what is left of the final error when it is taken from the reference."""
    state = "born" if stage["guilty"] else "same"
    own = "not comparable" if stage["own"] is None else number_text(stage["own"])
    left = (
        ""
        if stage["left"] is None
        else f"; with the reference's in its place the model's error is {number_text(stage['left'])}"
    )
    said = style("guilty" if stage["guilty"] else "right", STATES[state])
    return f"{style('stage', 'bold')} {stage['a']}  {said}, own error {own}{left}"


def steps_line(steps: Mapping[str, Any], style: Style) -> str:
    """One module that is called again and again."""
    verdict = steps["verdict"]
    shade = {"same": "green", "chaotic": "yellow"}.get(verdict, "red")
    return f"{style('steps', 'bold')} {steps['a']}  {steps['steps']} calls, {style(verdict, shade)}: {steps['says']}"


def number_text(value: float) -> str:
    """`3.1e-07`, `0.19`."""
    return f"{value:.2g}" if value >= 0.01 else f"{value:.1e}"
