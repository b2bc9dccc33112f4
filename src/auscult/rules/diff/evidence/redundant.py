"""Tensors of one side alone that change nothing although they were trained or counted, judged by what they hold.

Averages that a quantiser keeps while it is trained, the embedding that hides frames in training, flags, the gain and bias of
a norm that are 1 and 0, an LSTM's second bias of zeros, feature statistics of mean 0 and scale 1,
lists of whole numbers that the candidate alone has, the length that weight norm divides out, and tables that a formula gives.
"""

from __future__ import annotations

import re
from itertools import permutations
from typing import Literal

import numpy as np

from auscult.align.naming import find_weight_norm_pair
from auscult.align.records import Match
from auscult.recipe.ops.fuse_weight_norm import compute_norm_except
from auscult.rules.diff.evidence.tables import MAX_DISTINCT, is_computed_table
from auscult.rules.diff.subject import DiffSubject, Role
from auscult.verdict import Equality
from auscult.weights import Array, Checkpoint

RedundantKind = Literal[
    "flag", "training", "average", "identity", "statistics", "recurrent", "index", "table"
]

_FLAG_NAME = re.compile(r"(^|[._])(is_)?init(ialized|ialised|ed|ted)?$", re.IGNORECASE)
_TRAINING_NAME = re.compile(r"(^|[._])(masked_spec_embed|mask_emb(edding)?)$", re.IGNORECASE)
"""What hides frames in training (wav2vec 2.0, HuBERT, WavLM); a run never reads it."""
_SUM_NAME = re.compile(r"(^|[._])(embed(ding)?_(avg|sum)|ema_(w|embed\w*|dw))$", re.IGNORECASE)
_COUNT_NAME = re.compile(r"(^|[._])(ema_)?cluster_(size|usage)(_ema)?$", re.IGNORECASE)
_CODEBOOK_NAME = re.compile(
    r"(^|[._])(embed(ding)?s?|codebook|embed(ding)?\.weight|codebook\.weight)$"
)
_NORM_NAME = re.compile(r"norm|(^|[._])(ln|gn|in)_?\d*$", re.IGNORECASE)
_RECURRENT_BIAS_NAME = re.compile(r"^(?P<path>.*)bias_(?P<part>ih|hh)(?P<layer>_l\d+(_reverse)?)$")
_LSTM_GATES = 4
_SCALE_NAMES = ("scale", "std")
"""Beside a mean: what features are divided by before a model takes them."""
_INSTANCE_NORM_TYPE = re.compile(r"instance.?norm", re.IGNORECASE)
MAX_LENGTH_ERROR = 1e-5
"""Relative error of a length or a direction that was computed in float32. Chosen, not measured."""
MIN_COUNT = 1e-5
"""The least count that an average is divided by, as encodec and moshi do."""


def classify_redundant_tensor(subject: DiffSubject, role: Role, name: str) -> RedundantKind | None:
    """What a tensor without a partner is, if its absence changes nothing; None for any other."""
    checkpoint = subject.checkpoint(role)
    if _FLAG_NAME.search(name) and checkpoint[name].size == 1:
        return "flag"
    if _TRAINING_NAME.search(name):
        return "training"
    if _SUM_NAME.search(name) or _COUNT_NAME.search(name):
        return "average" if _has_codebook(subject, role, name) else None
    if _is_codebook_of_averages(subject, role, name):
        return "average"
    if _is_identity_norm(subject, role, name):
        return "identity"
    if _is_identity_statistic(subject, role, name):
        return "statistics"
    if _is_zero_recurrent_bias(subject, role, name):
        return "recurrent"
    if role == "candidate" and checkpoint[name].dtype == "int64" and checkpoint[name].shape:
        return "index"
    if len([length for length in checkpoint[name].shape if length > 1]) > 1 and _is_table(
        checkpoint[name].values()
    ):
        return "table"
    return None


def _is_identity_statistic(subject: DiffSubject, role: Role, name: str) -> bool:
    """Whether a tensor is one of a mean of zeros and a scale of ones, neither of which the other side has."""
    checkpoint = subject.checkpoint(role)
    head, _, last = name.rpartition(".")
    prefix = f"{head}." if head else ""
    mean_name = f"{prefix}mean"
    if last != "mean" and last not in _SCALE_NAMES:
        return False
    scale_names = [f"{prefix}{scale}" for scale in _SCALE_NAMES if f"{prefix}{scale}" in checkpoint]
    if mean_name not in checkpoint or len(scale_names) != 1:
        return False
    mean, scale = checkpoint[mean_name].values(), checkpoint[scale_names[0]].values()
    return mean.shape == scale.shape and bool(np.all(mean == 0) and np.all(scale == 1))


def _is_zero_recurrent_bias(subject: DiffSubject, role: Role, name: str) -> bool:
    """Whether it is one of an LSTM's two biases, all zeros, while the other one is matched: only their sum counts.

    A GRU multiplies one of them by a gate before it is added.
    """
    checkpoint, found = subject.checkpoint(role), _RECURRENT_BIAS_NAME.match(name)
    if found is None:
        return False
    other_part = "hh" if found["part"] == "ih" else "ih"
    other_name = f"{found['path']}bias_{other_part}{found['layer']}"
    weight = checkpoint.get(f"{found['path']}weight_hh{found['layer']}")
    if weight is None or len(weight.shape) != 2 or weight.shape[0] != _LSTM_GATES * weight.shape[1]:
        return False
    is_other_equal = any(
        other_name in subject.names_of(match, role) and match.equality is not Equality.DIFFERENT
        for match in subject.alignment.matches
    )
    return is_other_equal and not checkpoint[name].values().any()


def is_redundant_difference(subject: DiffSubject, match: Match) -> bool:
    """Whether two unequal tensors of one name mean the same: tables of a formula with more rows on one side, or vectors of
    weight norm of another length.
    """
    if len(match.a) != 1 or len(match.b) != 1:
        return False
    if _is_rescaled_direction(subject, match):
        return True
    reference, candidate = (
        _squeeze(checkpoint[name].values())
        for checkpoint, name in (
            (subject.reference, match.a[0]),
            (subject.candidate, match.b[0]),
        )
    )
    if reference.ndim != 2 or candidate.ndim != 2 or reference.shape[1:] != candidate.shape[1:]:
        return False
    rows = min(len(reference), len(candidate))
    return (
        len(reference) != len(candidate)
        and _is_table(reference)
        and _is_table(candidate)
        and bool(np.abs(reference[:rows] - candidate[:rows]).max() <= MAX_LENGTH_ERROR)
    )


def _squeeze(values: Array) -> Array:
    return values.reshape([length for length in values.shape if length != 1])


def _is_table(values: Array) -> bool:
    """Whether a formula gives it; a constant is given by any."""
    return len(np.unique(values)) > MAX_DISTINCT and is_computed_table(values)


def _list_unmatched(subject: DiffSubject, role: Role) -> tuple[str, ...]:
    if role == "reference":
        return subject.missing
    return subject.surplus


def _has_codebook(subject: DiffSubject, role: Role, name: str) -> bool:
    """Whether the codebook that these averages made is matched, or is what the other side holds in their place."""
    path = name.rpartition(".")[0]
    unmatched = frozenset(_list_unmatched(subject, role))
    for other in subject.checkpoint(role):
        if (
            other.startswith(f"{path}.")
            and _CODEBOOK_NAME.search(other)
            and other not in unmatched
            and not _SUM_NAME.search(other)
        ):
            return True
    other_role: Role = "candidate" if role == "reference" else "reference"
    average = _read_average(subject.checkpoint(role), path)
    return average is not None and any(
        _is_equal(subject.checkpoint(other_role)[other].values(), average)
        for other in _list_unmatched(subject, other_role)
        if subject.checkpoint(other_role)[other].shape == average.shape
    )


def _is_codebook_of_averages(subject: DiffSubject, role: Role, name: str) -> bool:
    """Whether it is the sum over the count of a codebook that the other side holds so."""
    if not _CODEBOOK_NAME.search(name):
        return False
    other_role: Role = "candidate" if role == "reference" else "reference"
    other = subject.checkpoint(other_role)
    values = subject.checkpoint(role)[name].values()
    paths = {
        other_name.rpartition(".")[0]
        for other_name in _list_unmatched(subject, other_role)
        if _SUM_NAME.search(other_name) and other[other_name].shape == values.shape
    }
    averages = (_read_average(other, path) for path in paths)
    return any(average is not None and _is_equal(values, average) for average in averages)


def _read_average(checkpoint: Checkpoint, path: str) -> Array | None:
    """A codebook's sums over its counts [entries, width]; None where the module has not both."""
    names = [name for name in checkpoint if name.rpartition(".")[0] == path]
    sums = next((name for name in names if _SUM_NAME.search(name)), None)
    counts = next((name for name in names if _COUNT_NAME.search(name)), None)
    if sums is None or counts is None:
        return None
    total, count = checkpoint[sums].values(), checkpoint[counts].values()
    if count.ndim != 1 or total.ndim != 2 or len(total) != len(count):
        return None
    average: Array = total / np.maximum(count, MIN_COUNT)[:, None]
    return average


def _is_equal(values: Array, expected: Array) -> bool:
    limit = MAX_LENGTH_ERROR * float(np.abs(expected).max())
    return values.shape == expected.shape and bool(np.abs(values - expected).max() <= limit)


def _is_identity_norm(subject: DiffSubject, role: Role, name: str) -> bool:
    """Whether it is the gain (ones) or bias (zeros) of a norm of which the other side has neither.

    Of a norm in code whose checkpoint has nothing of it this holds for instance norms alone: another norm was left at its initial
    values there.
    """
    checkpoint = subject.checkpoint(role)
    path, _, leaf = name.rpartition(".")
    module = checkpoint.modules.get(path)
    is_instance_norm = module is not None and bool(_INSTANCE_NORM_TYPE.search(module.type))
    if not is_instance_norm and (checkpoint.is_code or not _NORM_NAME.search(path)):
        return False
    own = [other for other in checkpoint if other.rpartition(".")[0] == path]
    unmatched = frozenset(_list_unmatched(subject, role))
    if not unmatched.issuperset(own) or not {"weight"} <= {o.rpartition(".")[2] for o in own}:
        return False
    if not {other.rpartition(".")[2] for other in own} <= {"weight", "bias"} or leaf not in {
        "weight",
        "bias",
    }:
        return False
    return all(
        bool((checkpoint[other].values() == (1.0 if other.endswith("weight") else 0.0)).all())
        for other in own
    )


def _is_rescaled_direction(subject: DiffSubject, match: Match) -> bool:
    """Whether both are the v of one weight norm, of one direction and with one g: weight norm divides their lengths out."""
    pairs = find_weight_norm_pair(match.a[0]), find_weight_norm_pair(match.b[0])
    if pairs[0] is None or pairs[1] is None:
        return False
    if (match.a[0], match.b[0]) != (pairs[0].names[1], pairs[1].names[1]):
        return False
    has_equal_gain = any(
        other.a == (pairs[0].names[0],)
        and other.b == (pairs[1].names[0],)
        and other.equality is not Equality.DIFFERENT
        for other in subject.alignment.matches
    )
    if not has_equal_gain:
        return False
    gain = subject.reference[pairs[0].names[0]]
    reference = subject.reference[match.a[0]].values()
    candidate = subject.candidate[match.b[0]].values()
    directions = (
        candidate.transpose(order)
        for order in permutations(range(candidate.ndim))
        if candidate.transpose(order).shape == reference.shape
    )
    axes = [axis for axis, length in enumerate(reference.shape) if length == gain.size]
    return any(
        _is_equal(
            direction / np.asarray(compute_norm_except(direction, axis)),
            reference / np.asarray(compute_norm_except(reference, axis)),
        )
        for direction in directions
        for axis in axes
    )
