#!/bin/sh
# gguf 0.19.0 (the Python package of llama.cpp), gguf.quants.
#
# Behaviour: dequantize() knows the K- and I-quants, quantize() does not: it raises NotImplementedError for Q2_K to Q6_K and all IQ
# types, and works for Q4_0 to Q8_0, TQ1_0, TQ2_0, MXFP4. A file of the type that most published models have (Q4_K) can be read in
# Python, and not be written from values.
#
# Seen: quantises F32 F16 Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 BF16 TQ1_0 TQ2_0 MXFP4; only dequantises Q2_K Q3_K Q4_K Q5_K Q6_K IQ2_XXS
#   IQ2_XS IQ3_XXS IQ1_S IQ4_NL IQ3_S IQ2_S IQ4_XS IQ1_M NVFP4
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install -q --target "$folder" "gguf==0.19.0" "numpy==2.4.6"
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'PY'
from importlib.metadata import version
import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType as Kind, quants

values = np.random.default_rng(0).standard_normal((4, 256)).astype(np.float32)
writes, reads = [], []
for kind in Kind:
    elements, size = GGML_QUANT_SIZES[kind]
    for names, call in ((writes, lambda: quants.quantize(values, kind)), (reads, lambda: quants.dequantize(np.zeros((1, 256 // elements * size), np.uint8), kind))):
        try:
            call()
        except NotImplementedError:
            continue
        names.append(kind.name)
only_read = [name for name in reads if name not in writes]
print(f"gguf {version('gguf')}  quantises: {' '.join(writes)}")
print(f"only dequantises: {' '.join(only_read)}")
assert {"Q4_0", "Q8_0"} <= set(writes), "it no longer writes simple blocks"
assert {"Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_XS"} <= set(only_read), "it writes K-quants now"
PY
