"""DeepSpeed's checkpoints of ZeRO stages 1 to 3: a folder `global_stepN`, or the one above it with the file `latest`.

`*_model_states.pt` has the model as it was trained, often in bfloat16, and in stage 3 nothing but empty placeholders.
`*_optim_states.pt` of each rank has a part of the float32 masters: these are read, under the names of `param_shapes`.
What the optimizer does not train (buffers, frozen weights) comes from the model states.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

from auscult.checkpoint.contents import Contents
from auscult.checkpoint.formats import torch_legacy, torch_zip
from auscult.checkpoint.source import Source
from auscult.checkpoint.torch_tensors import TensorNode
from auscult.checkpoint.zero import (
    STATES_HINT,
    FlatVector,
    join_spans,
    mark_placeholders,
    merge_stage_2,
    merge_stage_3,
    read_shapes,
)
from auscult.errors import CheckpointError
from auscult.finding import Skip
from auscult.weights import Hazard, Storage, Tensor

FORMAT = "deepspeed"
MODEL_NAME = re.compile(r"(?:zero_pp_rank_(\d+)_)?mp_rank_(\d+)_model_states\.pt")
OPTIMIZER_NAME = re.compile(r"((?:bf16_|fp16_)?)zero_pp_rank_(\d+)_mp_rank_(\d+)_optim_states\.pt")
EXPERT_NAME = re.compile(r"(?:layer_\d+_)?expert_\d+_mp_rank_\d+_model_states\.pt")
PIPELINE_NAME = re.compile(r"layer_\d+-model_\d+-model_states\.pt")
LATEST_NAME = "latest"
MAX_LATEST_BYTES = 256
MAX_RANKS = 10_000
PART_KEYS = {
    **{1: "single_partition_of_fp32_groups", 2: "single_partition_of_fp32_groups"},
    3: "fp32_flat_groups",
}
"""Where a rank keeps its part of the float32 vectors, by the stage of ZeRO."""


class _Ranks(NamedTuple):
    """The files of all ranks, in their order."""

    model: list[Path]
    optimizer: list[Path]
    experts: list[Path]


def sniff(source: Source, head: bytes) -> bool:  # noqa: ARG001 - a folder has none
    """A folder with the states of a model or of an optimizer, or one whose `latest` names such a folder."""
    return source.is_folder and _find_states(source.path) is not None


def read(source: Source) -> Contents:
    """The model, its weights put together from the parts of all ranks as they are read.

    Raises:
        CheckpointError: If a rank's file is missing, the files do not fit each other, or the model is cut in a way that
            only its own code can undo.
    """
    folder = _find_states(source.path) or source.path
    ranks = _list_ranks(folder)
    if not ranks.optimizer:
        contents = torch_zip.read(Source(ranks.model[0]))
        return replace(contents, skips=(*contents.skips, *_skip_experts(ranks)))
    model = [_read_pickle(path) for path in ranks.model]
    optimizers = [_read_pickle(path) for path in ranks.optimizer]
    states = [
        _get_mapping(contents, path) for contents, path in zip(model, ranks.model, strict=True)
    ]
    tensors, stage = _merge_parts(states[0], optimizers, ranks)
    tensors |= _join_frozen(states, stage, str(ranks.model[0]))
    tree = _order_like_module(states[0], tensors, str(ranks.model[0]))
    hazards: dict[str, Hazard] = {}
    for contents in (*model, *optimizers):
        hazards.update((hazard.what, hazard) for hazard in contents.hazards)
    metadata = {
        "zero stage": str(stage),
        "ranks": str(len(optimizers)),
        "weights": "the optimizer's float32 masters",
        "ds_version": str(states[0].get("ds_version"))[:40],
    }
    return Contents(tree, metadata, tuple(hazards.values()), tuple(_skip_experts(ranks)))


def _find_states(path: Path) -> Path | None:
    """The folder with the states: this one, or the one that `latest` in it names."""
    try:
        if _has_states(path):
            return path
        latest = path / LATEST_NAME
        if not latest.is_file() or latest.stat().st_size > MAX_LATEST_BYTES:
            return None
        name = latest.read_text("utf-8", "replace").strip()
        is_plain = bool(name) and not set(name) & set("/\\:\0") and name not in (".", "..")
        if is_plain and (path / name).is_dir() and _has_states(path / name):
            return path / name
    except OSError:
        return None
    return None


def _has_states(path: Path) -> bool:
    return any(
        MODEL_NAME.fullmatch(entry.name) or OPTIMIZER_NAME.fullmatch(entry.name)
        for entry in path.iterdir()
    )


def _list_ranks(folder: Path) -> _Ranks:
    names = sorted(entry.name for entry in folder.iterdir() if entry.is_file())
    model = [match for match in map(MODEL_NAME.fullmatch, names) if match]
    optimizer = [match for match in map(OPTIMIZER_NAME.fullmatch, names) if match]
    tensor_ranks = {match[2] for match in model} | {match[3] for match in optimizer}
    if len(tensor_ranks) > 1 or any(map(PIPELINE_NAME.fullmatch, names)):
        raise CheckpointError(
            "is a DeepSpeed checkpoint of a model that was cut over tensor or pipeline ranks",
            where=str(folder),
            found=f"{len(tensor_ranks)} tensor ranks",
            hint="join them with the training's own tool, or DeepSpeed's ds_to_universal.py, and give the result",
        )
    if not model:
        raise CheckpointError(
            "has a part of the weights of each rank, without their names",
            where=str(folder),
            expected="a *_model_states.pt beside the *_optim_states.pt",
            found="none",
            hint="copy the model states into the folder too",
        )
    _check_numbers(folder, [(int(match[2]), match[1]) for match in optimizer])
    model.sort(key=lambda match: int(match[1] or 0))
    optimizer.sort(key=lambda match: int(match[2]))
    return _Ranks(
        [folder / match[0] for match in model],
        [folder / match[0] for match in optimizer],
        [folder / name for name in names if EXPERT_NAME.fullmatch(name)],
    )


def _check_numbers(folder: Path, ranks: list[tuple[int, str]]) -> None:
    """Whether the ranks are 0, 1, 2 and so on."""
    numbers = {number for number, _ in ranks}
    if len(ranks) > MAX_RANKS or len(numbers) != len(ranks):
        raise CheckpointError(
            "has too many files of ranks, or two of one rank",
            where=str(folder),
            found=len(ranks),
            hint=STATES_HINT,
        )
    missing = next((number for number in range(len(ranks)) if number not in numbers), None)
    if missing is not None:
        raise _make_missing_error(folder, ranks[0][1], missing, len(ranks))


def _make_missing_error(folder: Path, prefix: str, rank: int, found: int) -> CheckpointError:
    return CheckpointError(
        f"lacks the part of rank {rank}: {prefix}zero_pp_rank_{rank}_mp_rank_00_optim_states.pt",
        where=str(folder),
        expected="the *_optim_states.pt of all ranks",
        found=f"{found} of them",
        hint="copy the missing file into the folder",
    )


def _read_pickle(path: Path) -> Contents:
    """The file's own tree, with its placeholders and tables as they are."""
    source = Source(path)
    head = source.bytes(0, min(source.size, 64))
    if torch_legacy.sniff(source, head):
        return torch_legacy.read(source)
    return torch_zip.read_tree(source)


def _get_mapping(contents: Contents, path: Path) -> dict[Any, Any]:
    if not isinstance(contents.tree, dict) or not isinstance(contents.tree.get("module"), dict):
        raise CheckpointError(
            "is named as DeepSpeed's model states and is something else",
            where=str(path),
            expected="a mapping with module and param_shapes",
            found=", ".join(map(str, contents.tree))[:100]
            if isinstance(contents.tree, dict)
            else "none",
            hint="give the file itself, if it is a checkpoint of another kind",
        )
    return contents.tree


def _merge_parts(
    state: dict[Any, Any], optimizers: Sequence[Contents], ranks: _Ranks
) -> tuple[dict[str, Tensor], int]:
    """The masters of all parameters, and the stage of ZeRO."""
    parts: list[list[TensorNode]] = []
    stages: set[int] = set()
    for contents, path in zip(optimizers, ranks.optimizer, strict=True):
        stage, count, pieces = _read_part(contents.tree, path)
        stages.add(stage)
        parts.append(pieces)
        if count != len(optimizers):
            prefix = str(OPTIMIZER_NAME.fullmatch(path.name)[1])  # type: ignore[index]
            if count > len(optimizers):
                raise _make_missing_error(path.parent, prefix, len(optimizers), len(optimizers))
            raise CheckpointError(
                "has more files of ranks than there were",
                where=str(path.parent),
                expected=count,
                found=len(optimizers),
                hint=STATES_HINT,
            )
    if len(stages) != 1 or len({len(pieces) for pieces in parts}) != 1:
        raise CheckpointError(
            "has ranks that do not fit each other", where=str(path.parent), hint=STATES_HINT
        )
    (stage,) = stages
    where = str(ranks.optimizer[0].parent)
    shapes = read_shapes(state.get("param_shapes"), str(ranks.model[0]))
    if stage == 3:
        return merge_stage_3(parts, shapes, where), stage
    groups = [
        FlatVector(tuple(group), f"fp32 group {number}")
        for number, group in enumerate(zip(*parts, strict=True))
    ]
    return merge_stage_2(groups, shapes, where), stage


def _read_part(tree: Any, path: Path) -> tuple[int, int, list[TensorNode]]:
    """Of one rank: the stage, the number of ranks, and its piece of each vector."""
    state = tree.get("optimizer_state_dict") if isinstance(tree, dict) else None
    if not isinstance(state, dict):
        state = {}
    stage, count = state.get("zero_stage"), state.get("partition_count")
    if isinstance(count, list | tuple):
        count = max((number for number in count if type(number) is int), default=0)
    pieces = state.get(PART_KEYS[stage]) if type(stage) is int and stage in PART_KEYS else None
    if isinstance(pieces, TensorNode):
        pieces = [pieces]
    if type(stage) is not int or type(count) is not int or not isinstance(pieces, list | tuple):
        raise CheckpointError(
            "has no part of the weights as ZeRO keeps it",
            where=str(path),
            expected="zero_stage 1 to 3, partition_count and its part of the float32 vectors",
            found=f"zero_stage {str(stage)[:20]}",
            hint="give the model states alone: they hold the weights of other stages",
        )
    vectors = []
    for piece in pieces:
        is_flat = isinstance(piece, TensorNode) and len(piece.shape) == 1 and piece.strides == (1,)
        if not is_flat or not isinstance(piece.describe(path.name), Tensor):
            raise CheckpointError("has a part that is no vector", where=str(path), hint=STATES_HINT)
        vectors.append(piece)
    return stage, count, vectors


def _join_frozen(states: Sequence[dict[Any, Any]], stage: int, where: str) -> dict[str, Tensor]:
    """Weights that were not trained: whole in stages 1 and 2, a fragment with each rank in stage 3."""
    fragments = [state.get("frozen_param_fragments") for state in states]
    shapes = states[0].get("frozen_param_shapes")
    if not isinstance(shapes, dict) or not shapes or not isinstance(fragments[0], dict):
        return {}
    (named_shapes,) = read_shapes(shapes, where)
    tensors: dict[str, Tensor] = {}
    for name, shape in named_shapes.items():
        pieces = [part.get(name) for part in fragments if isinstance(part, dict)]
        nodes = [piece for piece in pieces if isinstance(piece, TensorNode)]
        if stage < 3:
            whole = nodes[0].describe(name) if nodes else None
            if isinstance(whole, Tensor):
                tensors[name] = whole
            continue
        spans: list[tuple[TensorNode, int, int]] = []
        left = prod(shape)
        for node in nodes:
            size = min(prod(node.shape), left)
            flat = TensorNode(node.storage, node.dtype, node.first, (prod(node.shape),), (1,))
            spans += [(flat, 0, size)] if size else []
            left -= size
        tensors[name] = join_spans(name, spans, shape, Storage(f"frozen {name}"), where)
    return tensors


def _order_like_module(
    state: dict[Any, Any], tensors: dict[str, Tensor], where: str
) -> dict[str, Any]:
    """The model's own order of names, each with its master where there is one."""
    shared = state.get("shared_params")
    if isinstance(shared, dict):
        for name, partner in shared.items():
            if isinstance(name, str) and isinstance(partner, str) and partner in tensors:
                tensors.setdefault(name, replace(tensors[partner], name=name))
    buffers = {name for name in state.get("buffer_names") or () if isinstance(name, str)}
    module = mark_placeholders({"param_shapes": None, **state}, where)["module"]
    tree: dict[str, Any] = {}
    for name, value in module.items():
        own = tensors.pop(name, value) if isinstance(name, str) else value
        if name in buffers and isinstance(own, TensorNode):
            own = replace(own, trainable=False)
        tree[name] = own
    return {**tree, **tensors}


def _skip_experts(ranks: _Ranks) -> Iterator[Skip]:
    for path in ranks.experts:
        yield Skip(path.name, "the weights of an expert, in a file of their own", is_weight=True)
