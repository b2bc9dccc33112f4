#!/bin/sh
# openvino 2026.4.1 against onnxruntime 1.32.0: ConvTranspose with output_shape and auto_pad=SAME_UPPER.
#
# Behaviour: where the wanted length takes an odd number of samples away, ONNX says that SAME_UPPER takes the odd one off the end.
# onnxruntime does so. OpenVINO's reader of ONNX takes it off the start, as for SAME_LOWER: the output has the right
# length and begins one sample late in the signal. Both agree where the number is even, and for SAME_LOWER.
#
# Seen (5 values, kernel 4, stride 2; offset of OpenVINO's output in onnxruntime's): output_shape 11 with SAME_UPPER 1, with SAME_LOWER 0;
#   output_shape 10 with SAME_UPPER 0
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install -q --target "$folder" "openvino==2026.4.1" "onnxruntime==1.32.0" "onnx==1.23.2" "numpy==2.4.6"
cd "$folder"
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'PY'
import numpy as np
import onnx
import onnxruntime
import openvino
from onnx import TensorProto, helper, numpy_helper

signal = np.arange(1, 6, dtype=np.float32)[None, None]
kernel = np.array([[[0.5, -1.25, 0.75, 2]]], np.float32)

def run_both(length, auto_pad):
    sides = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, size]) for name, size in (("x", 5), ("y", length))]
    node = helper.make_node("ConvTranspose", ["x", "w"], ["y"], strides=[2], output_shape=[length], auto_pad=auto_pad)
    graph = helper.make_graph([node], "g", sides[:1], sides[1:], [numpy_helper.from_array(kernel, "w")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9), "m.onnx")
    expected = onnxruntime.InferenceSession("m.onnx", providers=["CPUExecutionProvider"]).run(None, {"x": signal})[0].ravel()
    core = openvino.Core()
    given = core.compile_model(core.read_model("m.onnx"), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})({"x": signal})[0].ravel()
    assert given.size == expected.size == length, "the length is another one now"
    offset = 0 if np.allclose(given, expected, atol=1e-4) else 1
    assert np.allclose(given[: length - offset], expected[offset:], atol=1e-4), "the outputs differ by more than a place now"
    print(f"openvino {openvino.__version__.split('-')[0]}  output_shape {length} {auto_pad}: {offset} samples apart")
    return offset

assert run_both(10, "SAME_UPPER") == 0, "an even number is split in another way now"
assert run_both(11, "SAME_LOWER") == 0, "SAME_LOWER differs now"
assert run_both(11, "SAME_UPPER") == 1, "SAME_UPPER agrees now"
PY
