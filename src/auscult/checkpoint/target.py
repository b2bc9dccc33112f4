"""Open what the user named: a file, a folder, or code whose result is a model."""

from __future__ import annotations

import contextlib
import difflib
import importlib
import logging
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from auscult.checkpoint import code, has_codes, open_checkpoint
from auscult.checkpoint.containers import choose_container
from auscult.checkpoint.groups import walk_tree
from auscult.errors import TargetError, UsageError
from auscult.late import numpy as np
from auscult.weights import Checkpoint, Tensor

_CODE_TARGET = re.compile(
    r"(?P<module>.+\.py|[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):(?P<name>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)$"
)


def is_code(target: str) -> bool:
    """Whether a target names code: `package.module:callable` or `path/file.py:callable`, and no file of that very name."""
    return _CODE_TARGET.match(target) is not None and not Path(target).exists()


def open_target(
    target: str, kwargs: Mapping[str, Any] | None = None, container: str | None = None
) -> Checkpoint:
    """The checkpoint of a file or folder, or the state of the model that a callable returns.

    Code is the user's own and runs with the user's rights; a warning of the logger `auscult` says so before it does.
    What it prints goes to stderr.

    Args:
        target: A path, `package.module:callable` or `path/file.py:callable`.
        kwargs: Arguments for the callable.
        container: Which group of tensors to take, as `open_checkpoint` has it.

    Raises:
        CheckpointError: If the file cannot be read.
        TargetError: If the code cannot be imported or called, or gives no model.
        UsageError: If arguments are given to a file.
    """
    if is_code(target):
        return _describe_state(call_target(target, kwargs or {}), target, container)
    if kwargs:
        raise UsageError(
            "a file takes no --kwargs", where=target, hint="name code as package.module:callable"
        )
    return open_checkpoint(target, container)


def state_of(module: Any, path: str = "live") -> Checkpoint:
    """The checkpoint of a live torch or MLX module, or of a mapping from names to arrays.

    Raises:
        TargetError: If it is none of these.
    """
    return _describe_state(module, path, None)


def _describe_state(value: Any, path: str, container: str | None) -> Checkpoint:
    if isinstance(value, Checkpoint):
        return value
    frameworks = list(code.iter_imported_frameworks())
    for framework in frameworks:
        if framework.is_module(value):
            return _merge_live_weights(framework.state(value, path))
    if isinstance(value, Mapping) and value:
        return _checkpoint_from_mapping(value, path, container, frameworks)
    raise TargetError(
        "gives no model",
        where=path,
        expected="a torch or MLX module, or a dict from names to arrays",
        found=f"{type(value).__module__}.{type(value).__qualname__}",
        hint="point at a callable that returns the module itself",
    )


def _merge_live_weights(checkpoint: Checkpoint) -> Checkpoint:
    """The state of a live module with each quantised weight as one tensor, as files are read."""
    if not has_codes(checkpoint.tensors.values()):
        return checkpoint
    from auscult.checkpoint.quantised import SchemeContext, merge_quantised_weights

    layers = {
        path: {"bits": info.attributes["bits"], "group_size": info.attributes["group_size"]}
        for path, info in checkpoint.modules.items()
        if {"bits", "group_size"} <= info.attributes.keys()
    }
    context = SchemeContext(None, checkpoint.metadata, {"quantization": layers})
    tensors, notes = merge_quantised_weights(checkpoint.tensors, context)
    ties = tuple(group for group in checkpoint.ties if set(group) <= tensors.keys())
    return replace(checkpoint, tensors=tensors, skips=(*checkpoint.skips, *notes), ties=ties)


def _checkpoint_from_mapping(
    value: Mapping[Any, Any],
    path: str,
    container: str | None,
    frameworks: list[code.FrameworkAdapter],
) -> Checkpoint:
    """A state dict in memory, flat or wrapped as files are: the model's group is chosen, or the one that `container` names."""
    tree_walk = walk_tree(_describe_tree(value, frameworks), path)
    if not tree_walk.root.tensors:
        hint = "return the module, or its state dict"
        raise TargetError(
            "gives a dict without arrays", where=path, found=f"keys {list(value)[:8]}", hint=hint
        )
    choice = choose_container(tree_walk.root, path, container)
    tensors = {
        name: replace(leaf, name=name) for name, leaf in choice.leaves if isinstance(leaf, Tensor)
    }
    return Checkpoint(
        path,
        "memory",
        tensors,
        container=choice.path,
        containers=choice.containers,
        metadata=choice.scalars,
        skips=(*tree_walk.skips,),
    )


def _describe_tree(value: Any, frameworks: list[code.FrameworkAdapter]) -> Any:
    """Nested containers with arrays as tensors; anything else as it is."""
    if isinstance(value, Mapping):
        return {key: _describe_tree(item, frameworks) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_describe_tree(item, frameworks) for item in value]
    description = _describe_leaf("", value, frameworks)
    if description is None:
        return value
    return description


def _describe_leaf(name: str, value: Any, frameworks: list[code.FrameworkAdapter]) -> Tensor | None:
    for framework in frameworks:
        if framework.is_array(value):
            return framework.tensor(name, value)
    if hasattr(value, "__array__") and hasattr(value, "shape"):
        return Tensor.of(name, np.asarray(value))
    return None


def call_target(target: str, kwargs: Mapping[str, Any]) -> Any:
    """What the named callable returns; a model that is already there is taken as it is.

    Raises:
        TargetError: If the code cannot be imported or called.
    """
    logging.getLogger("auscult").warning("running your code: %s", target)
    match = _CODE_TARGET.match(target)
    if match is None:
        raise TargetError(
            "names no code",
            where=target,
            expected="package.module:callable or path/file.py:callable",
        )
    with _guard_user_code(target):
        value: Any = _import_module(match["module"], target)
        for step in match["name"].split("."):
            value = _get_attribute(value, step, target)
        if not isinstance(value, type) and (
            isinstance(value, Mapping)
            or any(f.is_module(value) for f in code.iter_imported_frameworks())
        ):
            return value
        if not callable(value):
            raise TargetError(
                "is neither callable nor a model", where=target, found=type(value).__qualname__
            )
        return value(**kwargs)


@contextlib.contextmanager
def _guard_user_code(target: str) -> Iterator[None]:
    """Run user code: what it prints goes to stderr, and what it raises becomes one line."""
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    except TargetError:
        raise
    except ModuleNotFoundError as error:
        if error.name:
            hint = f"install {error.name.split('.')[0]}, or run from the folder that holds it"
        else:
            hint = None
        raise TargetError(f"cannot be imported: {error}", where=target, hint=hint) from error
    except (
        Exception,
        SystemExit,
    ) as error:  # whatever the user's code raises is for the user, as one line
        error_text = " ".join(str(error).split())[:300] or "no message"
        if isinstance(error, TypeError):
            hint = "arguments go in --kwargs '{\"name\": value}'"
        else:
            hint = "--debug shows the traceback"
        raise TargetError(
            f"raised {type(error).__name__}: {error_text}", where=target, hint=hint
        ) from error


def _import_module(name: str, target: str) -> ModuleType:
    if not name.endswith(".py"):
        _add_to_path(str(Path.cwd()))
        return importlib.import_module(name)
    path = Path(name)
    if not path.is_file():
        raise TargetError("there is no such file", where=name, hint="check the path")
    from importlib.util import module_from_spec, spec_from_file_location

    _add_to_path(
        str(path.resolve().parent)
    )  # so that the file finds its neighbours, as when it is run
    alias = f"_auscult_target_{path.stem}"
    spec = spec_from_file_location(alias, path)
    if spec is None or spec.loader is None:
        raise TargetError("cannot be imported as a module", where=target)
    module = module_from_spec(spec)
    sys.modules[alias] = module
    spec.loader.exec_module(module)
    return module


def _add_to_path(folder: str) -> None:
    if folder not in sys.path:
        sys.path.insert(0, folder)


def _get_attribute(owner: Any, name: str, target: str) -> Any:
    if hasattr(owner, name):
        return getattr(owner, name)
    public = [
        member_name
        for member_name in vars(owner)
        if not member_name.startswith("_") and callable(getattr(owner, member_name))
    ]
    close_matches = difflib.get_close_matches(name, public, n=3)
    if close_matches:
        hint = f"did you mean {' or '.join(close_matches)}?"
    else:
        hint = f"it has {', '.join(sorted(public)[:8]) or 'no callables'}"
    raise TargetError(f"has no `{name}`", where=target, hint=hint)
