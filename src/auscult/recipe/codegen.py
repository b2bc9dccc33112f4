"""A recipe as Python: `sanitize(weights)` for MLX, `convert(state)` and `load(module, path)` for PyTorch.

The code is idempotent: weights that are converted already come back unchanged. It decides by names where names change; where they
do not, by the known shapes of those weights whose two layouts differ in shape, all together and never one by one: a square
weight follows the verdict of the whole file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from textwrap import indent

from auscult.errors import RecipeError
from auscult.recipe.codegen_groups import Group, folded
from auscult.recipe.dialect import DIALECTS, Block, Dialect, FrameworkName
from auscult.recipe.entry import Entry
from auscult.recipe.recipe import Recipe
from auscult.weights import Shape

MAX_MARKS = 8
STEP = "    "


def code(recipe: Recipe, framework: FrameworkName) -> str:
    """The mapping as a Python module.

    Raises:
        RecipeError: If an operation cannot be printed, or the recipe was never bound to a checkpoint's shapes.
    """
    dialect = DIALECTS[framework]
    changed = [entry for entry in recipe.entries if entry.ops or entry.sources != entry.targets]
    body = _body(changed, dialect)
    marks = _marks(changed)
    function = "sanitize" if framework == "mlx" else "convert"
    argument = "weights" if framework == "mlx" else "state"
    told = not changed or bool(marks)
    parts = [
        _header(recipe, changed, dialect),
        *(source for name, source in dialect.helpers.items() if re.search(rf"\b{name}\(", body)),
        *([marks] if marks else []),
        _function(function, argument, body, told=told, changed=bool(changed)),
        *([_LOAD] if framework == "torch" else []),
    ]
    return "\n\n\n".join(part.rstrip() for part in parts) + "\n"


def _header(recipe: Recipe, changed: Sequence[Entry], dialect: Dialect) -> str:
    touched = sum(len(entry.sources) for entry in changed)
    text = f'"""{len(recipe.source_names)} tensors, {touched} of them changed; printed by auscult from a recipe."""\n\n'
    return text + ("import mlx.core as mx" if dialect.name == "mlx" else "import torch")


def _function(name: str, argument: str, body: str, *, told: bool, changed: bool) -> str:
    if not changed:
        return f'def {name}({argument}):\n{STEP}"""The names and layouts agree: nothing to do."""\n{STEP}return {argument}'
    lines = [f"def {name}({argument}):" if told else f"def {name}({argument}, *, converted):"]
    what = "Converted weights, under their new names; what no rule names stays, and weights converted before come back unchanged."
    lines.append(f'{STEP}"""{what}"""')
    if not told:
        lines.append(
            f"{STEP}# Neither names nor shapes tell converted weights from others: the caller must say which these are."
        )
    lines += [
        f"{STEP}if {f'is_converted({argument})' if told else 'converted'}:",
        f"{STEP * 2}return {argument}",
    ]
    lines += [
        f"{STEP}old, new = dict({argument}), {{}}",
        indent(body, STEP).rstrip(),
        f"{STEP}new.update(old)",
        f"{STEP}return new",
    ]
    return "\n".join(lines)


def _marks(changed: Sequence[Entry]) -> str:
    """`is_converted`, by names or by shapes; empty where neither tells.

    A name that is only dropped or added (a counter) says little: it may be absent for other reasons, so shapes come first.
    """
    before = {name for entry in changed for name in entry.sources}
    after = {name for entry in changed for name in entry.targets}
    renaming = [entry for entry in changed if entry.sources and entry.targets]
    old = next((name for entry in renaming for name in entry.sources if name not in after), None)
    new = next((name for entry in renaming for name in entry.targets if name not in before), None)
    if old is not None and new is not None:
        return _by_name(old, new)
    known = _known_shapes(changed)
    return _by_shape(known) if known else _by_presence(changed, before, after)


def _by_presence(changed: Sequence[Entry], before: set[str], after: set[str]) -> str:
    """Where tensors are only dropped or added, and nothing else is done, their presence is the difference itself."""
    if any(entry.sources and entry.targets for entry in changed):
        return ""
    tests = [f"{name!r} not in weights" for name in sorted(before)] + [
        f"{name!r} in weights" for name in sorted(after)
    ]
    body = f" \\\n{STEP * 2}and ".join(tests)
    return f'def is_converted(weights):\n{STEP}"""Whether the names are the new ones."""\n{STEP}return {body}'


def _by_shape(known: dict[str, tuple[Shape, Shape]]) -> str:
    table = "\n".join(f"{STEP}{name!r}: ({a}, {b})," for name, (a, b) in known.items())
    return f"""# Weights whose two layouts differ in shape, before and after: together they tell which layout a file is in.
KNOWN = {{
{table}
}}


def is_converted(weights):
    \"\"\"Whether the weights are in the new layout; an error if they are in neither, or in both.\"\"\"
    found = {{name: tuple(weights[name].shape) for name in KNOWN if name in weights}}
    after = [shape == KNOWN[name][1] for name, shape in found.items()]
    before = [shape == KNOWN[name][0] for name, shape in found.items()]
    if not found or not (all(after) or all(before)):
        raise ValueError(f"these are not the weights that the rules were made for: {{found}}")
    return all(after)"""


def _by_name(old: str, new: str) -> str:
    return f"""def is_converted(weights):
    \"\"\"Whether the names are the new ones; an error if they are neither, or both.\"\"\"
    before, after = {old!r} in weights, {new!r} in weights
    if before == after:
        raise ValueError("these are not the weights that the rules were made for, or they are converted in part")
    return after"""


def _known_shapes(changed: Sequence[Entry]) -> dict[str, tuple[Shape, Shape]]:
    """Up to MAX_MARKS weights whose shape changes under the same name, from as many different rules as there are."""
    if any(entry.shapes is None for entry in changed):
        raise RecipeError(
            "has no shapes yet: bind it to a checkpoint before printing it",
            where="code",
            hint="Recipe.bind(checkpoint)",
        )
    telling: dict[str, tuple[Shape, Shape]] = {}
    for group in folded(changed):
        names = {
            source
            for value in group.values
            for source in _names(group.sources, group.letters, value)
        }
        for entry in changed:
            if (
                len(entry.sources) == len(entry.targets) == 1
                and entry.sources[0] in names
                and entry.shapes
            ):
                before, (after,) = entry.shapes[0], entry.target_shapes(entry.shapes)
                if before != after:
                    telling[entry.sources[0]] = (before, after)
                    break
    return dict(list(telling.items())[:MAX_MARKS])


def _names(templates: Sequence[str], letters: str, value: tuple[int, ...]) -> list[str]:
    if not letters:
        return list(templates)
    return [template.format(**dict(zip(letters, value, strict=True))) for template in templates]


def _body(changed: Sequence[Entry], dialect: Dialect) -> str:
    """All rules: those that keep their names and do the same within the same loops share one."""
    shared: dict[object, list[Group]] = {}
    for group in folded(changed):
        alike = group.keeps_names and len(group.sources) == 1
        shared.setdefault((tuple(group.loops()), group.ops) if alike else group, []).append(group)
    return "\n".join(_rule(groups, dialect) for groups in shared.values())


def _rule(groups: list[Group], dialect: Dialect) -> str:
    first, shared = groups[0], len(groups) > 1
    lines: list[str] = []
    for depth, (variables, values) in enumerate(first.loops()):
        lines.append(f"{STEP * depth}for {variables} in {values}:")
    if shared:
        names = ", ".join(_quoted(group.sources[0], group.letters) for group in groups)
        lines.append(f"{STEP * len(lines)}for name in ({names}):")
    depth = len(lines)
    statements = _statements(first, dialect, ["name"] if shared else None)
    return "\n".join([*lines, *(STEP * depth + line for line in statements)])


def _statements(group: Group, dialect: Dialect, named: list[str] | None) -> list[str]:
    """What is done for one entry of a group."""
    sources = named or [_quoted(name, group.letters) for name in group.sources]
    targets = named or [_quoted(name, group.letters) for name in group.targets]
    if not targets:
        return [f"old.pop({name}, None)" for name in sources]
    block = Block(dialect)
    values = [f"old.pop({name})" for name in sources]
    if len(values) > 1:
        values = [block.held(value) for value in values]
    for op in group.ops:
        values = op.render(block, values)
    for name, value in zip(targets, values, strict=True):
        block.lines.append(
            f"new[{name}] = {value}{'.contiguous()' if dialect.name == 'torch' and group.ops else ''}"
        )
    return block.lines


def _quoted(template: str, letters: str) -> str:
    return f"f{template!r}" if letters else repr(template)


_LOAD = '''def load(module, path):
    """Load the file at `path` into a module, strictly."""
    if str(path).endswith(".safetensors"):
        from safetensors.torch import load_file

        state = load_file(path)
    else:
        state = torch.load(path, map_location="cpu", weights_only=True)
    module.load_state_dict(convert(state), strict=True)
    return module'''
