#!/bin/sh
# mlx-audio 0.6.2 against snac 1.2.1: the transposed convolutions of SNAC's decoder.
#
# Behaviour: mlx-audio's layer hands `groups` to MLX in the place of `output_padding`. With one group, which SNAC has there, each
# of these layers gives one sample more than it should for even strides, and every later layer runs on shifted samples.
#
# Seen: strides 8 and 4 give one sample more than snac, at strides 5 and 3 the lengths agree.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install -q --target "$folder" --no-deps "snac==1.2.1" "mlx-audio==0.6.2" "einops==0.8.2"
"${PYTHON:-python3}" -m pip install -q --target "$folder" "torch==2.13.0" "numpy==2.4.6" "mlx[cpu]==0.32.4" "transformers==5.23.0"
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'PY'
import mlx.core as mx
import numpy as np
import torch
from mlx_audio.codec.models.snac.layers import DecoderBlock as MlxBlock
from snac.layers import DecoderBlock as TorchBlock

def count(stride):
    frames = np.zeros((1, 10, 8), np.float32)
    torch_length = TorchBlock(8, 4, stride)(torch.tensor(frames).transpose(1, 2)).shape[-1]
    mlx_length = MlxBlock(8, 4, stride)(mx.array(frames)).shape[1]
    return torch_length, mlx_length

lengths = {stride: count(stride) for stride in (8, 5, 4, 3)}
for stride, (torch_length, mlx_length) in lengths.items():
    print(f"stride {stride}: snac {torch_length}, mlx-audio {mlx_length}")
differing = {stride: b - a for stride, (a, b) in lengths.items()}
assert differing == {8: 1, 5: 0, 4: 1, 3: 0}, "the lengths have changed"
PY
