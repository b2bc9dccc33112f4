"""Buffers that code computes: windows, tables and filters, known by their names, and counters."""

from __future__ import annotations

import re

_DERIVED_NAME = re.compile(
    r"(^|[._])(num_batches_tracked|position_ids|inv_freq|rotary_emb\.\w+|stft_window|trim_fade|rand_noise|"
    r"mel_(basis|filters?|fb|filterbank)|_?mel_filters|hann_window|window|filterbank|fbank|attn_mask|causal_mask|tril|"
    r"sin_cached|cos_cached|pos_enc\.pe|pe|freqs(_cis)?|mel_basis)$"
    r"|(upsample|downsample(\.lowpass)?)\.filter$|(^|\.)quantizer\..*\.inited$",
    re.IGNORECASE,
)


def is_derived(name: str) -> bool:
    """Whether a tensor of that name is computed by code or only counts, so that its absence loses nothing."""
    return bool(_DERIVED_NAME.search(name))
