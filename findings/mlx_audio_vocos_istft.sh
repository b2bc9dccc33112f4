#!/bin/sh
# mlx-audio 0.6.2 against vocos 0.1.0: the inverse STFT of the Vocos head, on one set of weights.
#
# Behaviour: mlx-audio takes a symmetric Hann window and divides the overlapped frames by the sum of the window; vocos takes a
# periodic one and divides by the sum of its square. The weights load without a word, and the waveform is another one.
#
# Seen: relative difference 0.24 at a hop of n_fft / 4.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install -q --target "$folder" --no-deps "vocos==0.1.0" "mlx-audio==0.6.2"
"${PYTHON:-python3}" -m pip install -q --target "$folder" "torch==2.13.0" "numpy==2.4.6" "mlx[cpu]==0.32.4" "transformers==5.23.0"
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'PY'
import sys
import types

import numpy as np

# vocos imports its feature extractors at the top; the head needs none of them
for name in ("torchaudio", "torchaudio.functional", "torchaudio.functional.functional", "encodec"):
    sys.modules[name] = types.ModuleType(name)
for name, attributes in {"torchaudio.functional.functional": ("_hz_to_mel", "_mel_to_hz"), "encodec": ("EncodecModel",)}.items():
    for attribute in attributes:
        setattr(sys.modules[name], attribute, None)

import mlx.core as mx
import torch
from mlx_audio.codec.models.vocos.vocos import ISTFTHead as MlxHead
from vocos.heads import ISTFTHead as TorchHead

rng = np.random.default_rng(0)
weight, bias = (0.05 * rng.standard_normal(shape).astype(np.float32) for shape in ((66, 16), (66,)))
frames = rng.standard_normal((1, 40, 16)).astype(np.float32)
reference = TorchHead(16, 64, 16, "center")
reference.out.load_state_dict({"weight": torch.tensor(weight), "bias": torch.tensor(bias)})
port = MlxHead(16, 64, 16)
port.out.weight, port.out.bias = mx.array(weight), mx.array(bias)
with torch.no_grad():
    a = reference(torch.tensor(frames)).numpy().ravel()
b = np.asarray(port(mx.array(frames))).ravel()
size = min(a.size, b.size)
inner = slice(64, size - 64)
difference = np.linalg.norm(a[inner] - b[inner]) / np.linalg.norm(a[inner])
print(f"lengths {a.size} and {b.size}, relative difference {difference:.2f}")
assert difference > 0.05, "the two heads agree"
PY
