#!/bin/sh
# hqq 0.2.8.post1, HQQLinear with compute_dtype=torch.bfloat16 (8 bits).
#
# Behaviour: the zero point of an 8-bit group is about 128 and is stored in the compute type. bfloat16 has 8 bits of mantissa: it is
# rounded to whole numbers (steps of 1 above 128), so that every value of a group is shifted by up to half a step, and the
# error reaches 1 step and more where float32 keeps to half a step. 4 bits (zero about 8) hardly suffer.
#
# Seen (largest error in steps): float32 0.50 with 4 and 8 bits, bfloat16 0.54 with 4 bits and 1.30 with 8
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install -q --target "$folder" "hqq==0.2.8.post1" "torch==2.13.0" "numpy==2.4.6"
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'PY'
from importlib.metadata import version
import torch
from hqq.core.quantize import BaseQuantizeConfig, HQQLinear, Quantizer

torch.manual_seed(0)
weight = torch.randn(256, 512) * 0.03
worst = {}
for dtype in (torch.float32, torch.bfloat16):
    for bits in (4, 8):
        linear = torch.nn.Linear(512, 256)
        linear.weight.data[:] = weight
        made = HQQLinear(linear, BaseQuantizeConfig(nbits=bits, group_size=64, axis=1), device="cpu", compute_dtype=dtype)
        codes = Quantizer.unpack[made.meta["packing"]](made.W_q).double()
        scale, zero = (made.meta[name].double() for name in ("scale", "zero"))
        error = ((codes - zero) * scale - weight.double().reshape(codes.shape)).abs() / scale.abs()
        inside = (codes > 0) & (codes < 2**bits - 1)  # the ends are clipped on purpose
        worst[dtype, bits] = float(error[inside].max())
for (dtype, bits), steps in worst.items():
    print(f"hqq {version('hqq')}  {dtype} {bits} bits: largest error {steps:.2f} steps")
assert worst[torch.float32, 8] < 0.51, "float32 left half a step"
assert worst[torch.bfloat16, 8] > 0.9, "bfloat16 keeps its zero points now"
PY
