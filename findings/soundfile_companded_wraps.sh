#!/bin/sh
# soundfile 0.14.0 (libsndfile 1.2.2), floating-point samples above full scale written as ULAW or ALAW.
#
# Behaviour: PCM of 8, 16 and 24 bits clips at full scale. The two companded formats do not: a sample slightly above 1 comes
# back with its sign turned, and 1.5 as 0.17 (ULAW) or -0.16 (ALAW). A vocoder's overshoot that is harmless in a 16-bit file
# is a click in a telephone one.
# Remedy: np.clip before writing.
#
# Seen (1.0, 1.001, 1.1 and 1.5 come back as): PCM_16 1.00 1.00 1.00 1.00, ULAW 0.98 -0.98 0.86 0.17, ALAW 0.98 -0.17 -0.17 -0.16
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install -q --target "$folder" "soundfile==0.14.0" "numpy==2.4.6" "cffi==2.1.1"
PYTHONPATH="$folder" "${PYTHON:-python3}" - <<'PY'
import io
import numpy as np
import soundfile

samples = np.array([0.9, 1.0, 1.001, 1.1, 1.5], np.float32)
read = {}
for kind in ("PCM_U8", "PCM_16", "PCM_24", "ULAW", "ALAW"):
    file = io.BytesIO()
    soundfile.write(file, samples, 8000, format="WAV", subtype=kind)
    file.seek(0)
    read[kind] = soundfile.read(file)[0]
    print(f"soundfile {soundfile.__version__} ({soundfile.__libsndfile_version__})  {kind:7s}", *(f"{value:.2f}" for value in read[kind]))
for kind in ("PCM_U8", "PCM_16", "PCM_24"):
    assert (read[kind][1:] > 0.99).all(), "PCM does not clip now"
for kind in ("ULAW", "ALAW"):
    assert (read[kind][:2] > 0.85).all(), "values within full scale are changed now"
    assert read[kind][2] < 0 and abs(read[kind][4]) < 0.5, "companded formats clip now"
PY
