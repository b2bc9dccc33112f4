"""safetensors files, also as MLX writes them.

The header is checked here rather than by the safetensors package, so that errors say which tensor is wrong, data types that the
package does not know become skips, and nothing but the header is read. Layout: https://github.com/huggingface/safetensors.
"""

from __future__ import annotations

from operator import itemgetter
from typing import Any, TypeGuard

from auscult.checkpoint.bounded_json import parse_json
from auscult.checkpoint.contents import Contents
from auscult.checkpoint.elements import place_tensor
from auscult.checkpoint.source import TRUNCATED_HINT, Source
from auscult.errors import CheckpointError
from auscult.finding import Skip
from auscult.weights import Shape, Tensor

FORMAT = "safetensors"
CHECKED_WITH = ("safetensors 0.8.0", "MLX 0.32.4")
MAX_HEADER = 100_000_000
MAX_RANK = 64
MAX_ELEMENTS = 1 << 60
MAX_METADATA = 10_000
DTYPES = {
    **{
        "BOOL": "bool",
        "U8": "uint8",
        "I8": "int8",
        "U16": "uint16",
        "I16": "int16",
        "U32": "uint32",
        "I32": "int32",
    },
    **{
        "U64": "uint64",
        "I64": "int64",
        "F16": "float16",
        "BF16": "bfloat16",
        "F32": "float32",
        "F64": "float64",
    },
    **{
        "C64": "complex64",
        "F8_E4M3": "float8_e4m3fn",
        "F8_E5M2": "float8_e5m2",
        "F8_E8M0": "float8_e8m0fnu",
    },
    **{"F8_E4M3FNUZ": "float8_e4m3fnuz", "F8_E5M2FNUZ": "float8_e5m2fnuz", "F4": "float4_e2m1fn"},
}
_SPAN_OF_ENTRY = itemgetter(0, 1)


def sniff(source: Source, head: bytes) -> bool:
    """Eight bytes of header length, then the header's brace."""
    if len(head) < 9 or head[8:9] != b"{":
        return source.suffix == ".safetensors" and head[:1] not in (b"", b"<", b"v", b"{")
    return int.from_bytes(head[:8], "little") <= MAX_HEADER or source.suffix == ".safetensors"


def read(source: Source) -> Contents:
    """Describe the tensors.

    Raises:
        CheckpointError: If the header is damaged, or the data does not fit it without a hole or an overlap.
    """
    start, header = _read_header(source)
    metadata = _shorten_metadata(header.pop("__metadata__", {}))
    entries = [(*_parse_entry(source, name, value), name) for name, value in header.items()]
    entries.sort(key=_SPAN_OF_ENTRY)
    tree: dict[str, Tensor] = {}
    skips: list[Skip] = []
    end = 0
    for first, last, code, shape, name in entries:
        if first != end:
            kind = "overlap" if first < end else "leave a hole"
            raise _make_header_error(
                source,
                f"tensors {kind} before {name[:200]}",
                expected=f"offset {end}",
                actual=first,
            )
        end = last
        if code in DTYPES:
            tree[name] = place_tensor(
                source, (start + first, start + last), name, DTYPES[code], shape
            )
        else:
            skips.append(
                Skip(name, f"elements of type {code[:60]}, which numpy cannot hold", is_weight=True)
            )
    if start + end != source.size:
        if source.size < start + end:
            problem = "is cut off"
        else:
            problem = "goes on behind its last tensor"
        raise _make_header_error(
            source, problem, expected=f"{start + end} bytes", actual=source.size
        )
    # place_tensor wants bytes in order; people want the header's order.
    ordered = {name: tree[name] for name in header if name in tree}
    return Contents(ordered, metadata, skips=tuple(skips))


def read_metadata(source: Source) -> dict[str, str]:
    """All of the header's metadata, uncut (`read` shortens long entries, which are for showing).

    Raises:
        CheckpointError: If the header is damaged.
    """
    _, header = _read_header(source)
    value = header.get("__metadata__", {})
    if isinstance(value, dict):
        return {str(key): str(text) for key, text in value.items()}
    return {}


def _read_header(source: Source) -> tuple[int, dict[str, Any]]:
    """Where the data starts, and the header."""
    if source.size < 8:
        raise _make_header_error(
            source,
            "is too short for a safetensors file",
            expected="at least 8 bytes",
            actual=source.size,
        )
    length = int.from_bytes(source.view(0, 8), "little")
    if length > MAX_HEADER or 8 + length > source.size:
        raise _make_header_error(
            source,
            "has a header longer than it can be",
            expected=f"at most {min(MAX_HEADER, source.size - 8)} bytes",
            actual=length,
        )
    try:
        header = parse_json(source, 8, length)
    except ValueError as error:
        raise _make_header_error(
            source, f"has a header that cannot be parsed: {str(error)[:200]}"
        ) from error
    if not isinstance(header, dict):
        raise _make_header_error(source, "has a header that is no JSON object")
    return 8 + length, header


def _parse_entry(source: Source, name: str, value: Any) -> tuple[int, int, str, Shape]:
    """First and last byte of a tensor, its type code and shape."""
    if not isinstance(value, dict):
        raise _make_header_error(source, f"tensor {name[:200]} has no description")
    code, shape, offsets = value.get("dtype"), value.get("shape"), value.get("data_offsets")
    if (
        not isinstance(code, str)
        or not _are_counts(shape)
        or not _are_counts(offsets)
        or len(offsets) != 2
    ):
        raise _make_header_error(
            source,
            f"tensor {name[:200]} has an odd description",
            expected="dtype, shape, data_offsets",
            actual=str(value)[:200],
        )
    size = 1
    for side in shape:
        size *= side
        if size > MAX_ELEMENTS:
            raise _make_header_error(
                source, f"tensor {name[:200]} has an impossible shape", actual=str(shape)[:200]
            )
    if len(shape) > MAX_RANK:
        raise _make_header_error(source, f"tensor {name[:200]} has {len(shape)} axes")
    if offsets[0] > offsets[1]:
        raise _make_header_error(
            source, f"tensor {name[:200]} ends before it starts", actual=offsets
        )
    return offsets[0], offsets[1], code, tuple(shape)


def _are_counts(value: Any) -> TypeGuard[list[int]]:
    if not isinstance(value, list):
        return False
    for number in value:  # noqa: SIM110  (`all` over a generator takes three times as long, for every tensor twice)
        if type(number) is not int or not 0 <= number <= MAX_ELEMENTS:
            return False
    return True


def _shorten_metadata(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        return {}
    return {str(key)[:200]: str(text)[:MAX_METADATA] for key, text in value.items()}


def _make_header_error(
    source: Source, problem: str, *, expected: object = None, actual: object = None
) -> CheckpointError:
    return CheckpointError(
        problem, where=source.where, expected=expected, found=actual, hint=TRUNCATED_HINT
    )
