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
from auscult.recipe.codegen_groups import EntryGroup, fold_entries
from auscult.recipe.dialect import DIALECTS, CodeBlock, Dialect, FrameworkName
from auscult.recipe.entry import Entry
from auscult.recipe.recipe import Recipe
from auscult.weights import Shape

MAX_KNOWN_SHAPES = 8
INDENT = "    "


def generate_code(recipe: Recipe, framework: FrameworkName) -> str:
    """The mapping as a Python module.

    Raises:
        RecipeError: If an operation cannot be printed, or the recipe was never bound to a checkpoint's shapes.
    """
    dialect = DIALECTS[framework]
    changed = [entry for entry in recipe.entries if entry.ops or entry.sources != entry.targets]
    body = _build_body(changed, dialect)
    converted_test = _build_converted_test(changed)
    function = "sanitize" if framework == "mlx" else "convert"
    argument = "weights" if framework == "mlx" else "state"
    can_tell = not changed or bool(converted_test)
    parts = [
        _build_header(recipe, changed, dialect),
        *(source for name, source in dialect.helpers.items() if re.search(rf"\b{name}\(", body)),
        *([converted_test] if converted_test else []),
        _build_function(function, argument, body, can_tell=can_tell, changed=bool(changed)),
        *([_LOAD_SOURCE] if framework == "torch" else []),
    ]
    return "\n\n\n".join(part.rstrip() for part in parts) + "\n"


def _build_header(recipe: Recipe, changed: Sequence[Entry], dialect: Dialect) -> str:
    touched = sum(len(entry.sources) for entry in changed)
    text = f'"""{len(recipe.source_names)} tensors, {touched} of them changed; printed by auscult from a recipe."""\n\n'
    return text + ("import mlx.core as mx" if dialect.name == "mlx" else "import torch")


def _build_function(name: str, argument: str, body: str, *, can_tell: bool, changed: bool) -> str:
    if not changed:
        return f'def {name}({argument}):\n{INDENT}"""The names and layouts agree: nothing to do."""\n{INDENT}return {argument}'
    lines = [f"def {name}({argument}):" if can_tell else f"def {name}({argument}, *, converted):"]
    docstring = "Converted weights, under their new names; what no rule names stays, and weights converted before come back unchanged."
    lines.append(f'{INDENT}"""{docstring}"""')
    if not can_tell:
        lines.append(
            f"{INDENT}# Neither names nor shapes tell converted weights from others: the caller must say which these are."
        )
    lines += [
        f"{INDENT}if {f'is_converted({argument})' if can_tell else 'converted'}:",
        f"{INDENT * 2}return {argument}",
    ]
    lines += [
        f"{INDENT}old, new = dict({argument}), {{}}",
        indent(body, INDENT).rstrip(),
        f"{INDENT}new.update(old)",
        f"{INDENT}return new",
    ]
    return "\n".join(lines)


def _build_converted_test(changed: Sequence[Entry]) -> str:
    """`is_converted`, by names or by shapes; empty where neither tells.

    A name that is only dropped or added (a counter) says little: it may be absent for other reasons, so shapes come first.
    """
    source_names = {name for entry in changed for name in entry.sources}
    target_names = {name for entry in changed for name in entry.targets}
    renaming = [entry for entry in changed if entry.sources and entry.targets]
    old_name = next(
        (name for entry in renaming for name in entry.sources if name not in target_names), None
    )
    new_name = next(
        (name for entry in renaming for name in entry.targets if name not in source_names), None
    )
    if old_name is not None and new_name is not None:
        return _build_name_test(old_name, new_name)
    known_shapes = _find_telling_shapes(changed)
    if known_shapes:
        return _build_shape_test(known_shapes)
    return _build_presence_test(changed, source_names, target_names)


def _build_presence_test(
    changed: Sequence[Entry], source_names: set[str], target_names: set[str]
) -> str:
    """Where tensors are only dropped or added, and nothing else is done, their presence is the difference itself."""
    if any(entry.sources and entry.targets for entry in changed):
        return ""
    tests = [f"{name!r} not in weights" for name in sorted(source_names)] + [
        f"{name!r} in weights" for name in sorted(target_names)
    ]
    body = f" \\\n{INDENT * 2}and ".join(tests)
    return f'def is_converted(weights):\n{INDENT}"""Whether the names are the new ones."""\n{INDENT}return {body}'


def _build_shape_test(known_shapes: dict[str, tuple[Shape, Shape]]) -> str:
    table = "\n".join(f"{INDENT}{name!r}: ({a}, {b})," for name, (a, b) in known_shapes.items())
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


def _build_name_test(old_name: str, new_name: str) -> str:
    return f"""def is_converted(weights):
    \"\"\"Whether the names are the new ones; an error if they are neither, or both.\"\"\"
    before, after = {old_name!r} in weights, {new_name!r} in weights
    if before == after:
        raise ValueError("these are not the weights that the rules were made for, or they are converted in part")
    return after"""


def _find_telling_shapes(changed: Sequence[Entry]) -> dict[str, tuple[Shape, Shape]]:
    """Up to MAX_MARKS weights whose shape changes under the same name, from as many different rules as there are."""
    if any(entry.shapes is None for entry in changed):
        raise RecipeError(
            "has no shapes yet: bind it to a checkpoint before printing it",
            where="code",
            hint="Recipe.bind(checkpoint)",
        )
    telling_shapes: dict[str, tuple[Shape, Shape]] = {}
    for group in fold_entries(changed):
        names = {
            source
            for value in group.values
            for source in _fill_templates(group.sources, group.letters, value)
        }
        for entry in changed:
            if (
                len(entry.sources) == len(entry.targets) == 1
                and entry.sources[0] in names
                and entry.shapes
            ):
                source_shape, (target_shape,) = entry.shapes[0], entry.target_shapes(entry.shapes)
                if source_shape != target_shape:
                    telling_shapes[entry.sources[0]] = (source_shape, target_shape)
                    break
    return dict(list(telling_shapes.items())[:MAX_KNOWN_SHAPES])


def _fill_templates(templates: Sequence[str], letters: str, value: tuple[int, ...]) -> list[str]:
    if not letters:
        return list(templates)
    return [template.format(**dict(zip(letters, value, strict=True))) for template in templates]


def _build_body(changed: Sequence[Entry], dialect: Dialect) -> str:
    """All rules: those that keep their names and do the same within the same loops share one."""
    groups_by_rule: dict[object, list[EntryGroup]] = {}
    for group in fold_entries(changed):
        can_share = group.keeps_names and len(group.sources) == 1
        groups_by_rule.setdefault(
            (tuple(group.format_loops()), group.ops) if can_share else group, []
        ).append(group)
    return "\n".join(_build_rule(groups, dialect) for groups in groups_by_rule.values())


def _build_rule(groups: list[EntryGroup], dialect: Dialect) -> str:
    first_group, is_shared = groups[0], len(groups) > 1
    lines: list[str] = []
    for depth, (variables, values) in enumerate(first_group.format_loops()):
        lines.append(f"{INDENT * depth}for {variables} in {values}:")
    if is_shared:
        names = ", ".join(_quote_template(group.sources[0], group.letters) for group in groups)
        lines.append(f"{INDENT * len(lines)}for name in ({names}):")
    depth = len(lines)
    statements = _build_statements(first_group, dialect, ["name"] if is_shared else None)
    return "\n".join([*lines, *(INDENT * depth + line for line in statements)])


def _build_statements(
    group: EntryGroup, dialect: Dialect, name_override: list[str] | None
) -> list[str]:
    """What is done for one entry of a group."""
    sources = name_override or [_quote_template(name, group.letters) for name in group.sources]
    targets = name_override or [_quote_template(name, group.letters) for name in group.targets]
    if not targets:
        return [f"old.pop({name}, None)" for name in sources]
    block = CodeBlock(dialect)
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


def _quote_template(template: str, letters: str) -> str:
    if letters:
        return f"f{template!r}"
    return repr(template)


_LOAD_SOURCE = '''def load(module, path):
    """Load the file at `path` into a module, strictly."""
    if str(path).endswith(".safetensors"):
        from safetensors.torch import load_file

        state = load_file(path)
    else:
        state = torch.load(path, map_location="cpu", weights_only=True)
    module.load_state_dict(convert(state), strict=True)
    return module'''
