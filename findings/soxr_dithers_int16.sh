#!/bin/sh
# soxr 1.1.0, resample() of int16 samples.
#
# Behaviour: integer samples are dithered on the way out, with no option against it. Digital silence comes back as a hiss of
# -1, 0 and 1, also where both rates are equal and nothing is to be resampled. Trimming by zeros, checks for a dead channel
# and "the file is unchanged" fail on it. The dither is the same on each call. float32 samples keep their silence.
#
# Seen (24,000 zeros; share of samples not zero): 24 to 16 kHz 0.23, 24 to 24 kHz 0.23; as float32 0.00
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install -q --no-deps --target "$folder" "soxr==1.1.0" "numpy==2.4.6"
PYTHONPATH="$folder" "${PYTHON:-python3}" - <<'PY'
import numpy as np
import soxr

for rate in (16000, 24000):
    silence = soxr.resample(np.zeros(24000, np.int16), 24000, rate)
    again = soxr.resample(np.zeros(24000, np.int16), 24000, rate)
    floats = soxr.resample(np.zeros(24000, np.float32), 24000, rate)
    share = np.mean(silence != 0)
    print(f"soxr {soxr.__version__}  24000 to {rate}: int16 {share:.2f} not zero, values {np.unique(silence)}; float32 {np.mean(floats != 0):.2f}")
    assert not floats.any(), "silence in float32 is not silent now"
    assert set(silence.tolist()) == {-1, 0, 1} and share > 0.1, "silence in int16 stays silent now"
    assert np.array_equal(silence, again), "the dither differs from call to call now"
PY
