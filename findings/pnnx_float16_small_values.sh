#!/bin/sh
# pnnx 20261020 (ncnn's converter), the .bin that it writes with fp16=1, its default.
#
# Behaviour: float32 weights are rounded to the nearest float16, but a weight below 2**-14 becomes zero, although float16 goes on to
# 2**-24 in steps of 6e-08. About one weight in 20,000 of a normal distribution with standard deviation 1 is lost so, and one in
# 200 with 0.01. numpy and torch keep them.
#
# Seen: 4096 weights: 4095 equal numpy's float16; 5e-05 becomes 0, numpy gives 5.00083e-05
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install -q --no-deps --target "$folder" "pnnx==20261020" "onnx==1.23.2" "numpy==2.4.6" "protobuf==7.36.2" "typing_extensions==4.16.0" "ml_dtypes==0.6.0"
chmod +x "$folder/pnnx/pnnx"
cd "$folder"
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'PY'
import subprocess
from pathlib import Path
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

weight = np.random.default_rng(0).standard_normal((64, 64, 1)).astype(np.float32)
weight[0, 0, 0] = 5e-5
sides = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 64, 8]) for name in ("x", "y")]
node = helper.make_node("Conv", ["x", "w"], ["y"], kernel_shape=[1])
graph = helper.make_graph([node], "g", sides[:1], sides[1:], [numpy_helper.from_array(weight, "w")])
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), "m.onnx")
subprocess.run([str(Path("pnnx/pnnx").resolve()), "m.onnx", "inputshape=[1,64,8]"], capture_output=True, check=False)
content = Path("m.ncnn.bin").read_bytes()
assert content[:4] == (0x01306B47).to_bytes(4, "little"), "the weight is not stored as float16"
stored = np.frombuffer(content, np.float16, weight.size, 4).reshape(weight.shape)
nearest = weight.astype(np.float16)
equal = int((stored == nearest).sum())
print(f"pnnx 20261020  {weight.size} weights: {equal} equal numpy's float16; 5e-05 becomes {stored[0, 0, 0]:g}, numpy gives {nearest[0, 0, 0]:g}")
assert equal == weight.size - 1 and stored[0, 0, 0] == 0, "it keeps small values now"
PY
