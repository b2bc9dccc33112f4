"""Words of auscult's own, explained where they are printed."""

from __future__ import annotations

BUCKET_MEANINGS = {
    "equivalent": "equal once rearranged",
    "close": "equal within rounding",
    "born": "wrong by itself",
    "grown": "wrong by what came in",
}
"""What a bucket of a coverage means, where its name does not say it."""
FLOOR_MEANING = "what rounding alone does"
"""What the noise floor is."""
STATE_MEANINGS = {
    **BUCKET_MEANINGS,
    "differs": "above the floor, and not known whether by itself",
    "same": "within the floor",
}
"""What the state of a layer means."""
SIGMA_MEANING = "σ: standard errors ahead of the next best"
"""What stands behind a settled choice."""


def explain_bucket(bucket: str) -> str:
    """`born (wrong by itself)`; the words of the name alone where they say it."""
    words = bucket.replace("_", " ")
    if bucket in BUCKET_MEANINGS:
        return f"{words} ({BUCKET_MEANINGS[bucket]})"
    return words
