"""Sessions of ONNX Runtime: opening, running, and how large their results are."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import onnxruntime

from auscult.errors import TargetError
from auscult.weights import Array

EXTERNAL_FOLDER_KEY = "session.model_external_initializers_file_folder_path"
ELEMENT_WIDTHS = {
    "float16": 2,
    "bfloat16": 2,
    "int16": 2,
    "uint16": 2,
    "float": 4,
    "int32": 4,
    "uint32": 4,
    "bool": 1,
    "int8": 1,
    "uint8": 1,
}
MAX_WIDTH = 8


def open_session(model: bytes, folder: Path, name: str, profile: str | None = None) -> Any:
    """A session on the CPU without optimisations, so that every node runs as it is written.

    Args:
        folder: Where the model's external data is.
        profile: Write a profile to files that begin so.

    Raises:
        TargetError: If ONNX Runtime refuses the model.
    """
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    options.add_session_config_entry(EXTERNAL_FOLDER_KEY, str(folder.resolve()))
    if profile is not None:
        options.enable_profiling, options.profile_file_prefix = True, profile
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime has no common base for its errors
        raise TargetError(
            f"ONNX Runtime refuses it: {' '.join(str(error).split())[:300]}", where=name
        ) from error


def run_session(
    session: Any, names: Sequence[str], feeds: Mapping[str, Array], name: str
) -> list[Any]:
    """The named outputs; feeds that the session does not take are left out.

    Raises:
        TargetError: If the run stops.
    """
    input_names = {entry.name for entry in session.get_inputs()}
    try:
        return list(
            session.run(
                list(names),
                {
                    feed_name: array
                    for feed_name, array in feeds.items()
                    if feed_name in input_names
                },
            )
        )
    except Exception as error:  # as above
        reason = " ".join(str(error).split())[:300]
        raise TargetError(
            f"stopped: {reason}", where=name, hint="check names, shapes and types of the inputs"
        ) from error


def infer_result_bytes(session: Any, feeds: Mapping[str, Array]) -> int | None:
    """Bytes of all outputs by the shapes that ONNX Runtime infers for these inputs; None where it
    cannot tell.
    """
    free_lengths: dict[str, int] = {}
    for entry in session.get_inputs():
        shape = feeds[entry.name].shape if entry.name in feeds else ()
        free_lengths |= {
            name: length
            for name, length in zip(entry.shape, shape, strict=False)
            if isinstance(name, str)
        }
    total = 0
    for entry in session.get_outputs():
        width = next(
            (bytes_ for name, bytes_ in ELEMENT_WIDTHS.items() if entry.type == f"tensor({name})"),
            MAX_WIDTH,
        )
        lengths = [
            side if isinstance(side, int) else free_lengths.get(side)
            for side in entry.shape or [None]
        ]
        if (not entry.shape and entry.type.startswith("tensor")) or None in lengths:
            return None
        total += width * math.prod(length for length in lengths if length is not None)
    return total


def read_profiled_bytes(session: Any) -> dict[str, int]:
    """Bytes that each node's results took in the runs of a session that was opened with a profile,
    by the node's name.
    """
    sizes: dict[str, int] = {}
    for event in json.loads(Path(session.end_profiling()).read_text()):
        size = event.get("args", {}).get("output_size")
        if size is not None:
            node = event["name"].removesuffix("_kernel_time")
            sizes[node] = sizes.get(node, 0) + int(size)
    return sizes
