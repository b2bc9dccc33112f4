"""The report as one JSON object: the envelope that scripts rest on (`auscult/schemas/report.schema.json`)."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from auscult.verdict import Report


def render(report: Report, *, color: bool = False, verbose: int = 0) -> str:  # noqa: ARG001  JSON is the same for everyone
    """The envelope with its provenance, indented; numbers that JSON does not know (NaN, infinity) become strings."""
    from auscult.report._provenance import collect_provenance

    envelope = {**report.to_json(), "provenance": collect_provenance(report)}
    return json.dumps(to_plain_json(envelope), indent=2, ensure_ascii=False, allow_nan=False)


def to_plain_json(value: Any) -> Any:
    """The value in JSON's own types: numpy scalars and arrays, tuples, sets and enums included."""
    if isinstance(value, Mapping):
        return {str(key): to_plain_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [to_plain_json(item) for item in value]
    if (
        value is None
        or isinstance(value, bool | int)
        or (isinstance(value, float) and math.isfinite(value))
    ):
        return value
    if hasattr(value, "tolist"):
        return to_plain_json(value.tolist())
    return str(value)
