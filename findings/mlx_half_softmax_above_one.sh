#!/bin/sh
# mlx 0.32.4, mx.softmax of half precision scores on an x86-64 CPU.
#
# Behaviour: the exponentials are added in the type of the input. The sum stops growing where the next term is below half a step
# of it: near 256 in bfloat16, near 2048 in float16. With more keys than that, the weights of an attention add up to far more
# than 1, and its output is too loud by that factor. mx.logsumexp does not stop there.
# Remedy: mx.softmax(scores, axis=-1, precise=True), or mx.fast.scaled_dot_product_attention.
#
# Seen (sum of the weights of 1500 and 8192 keys, equal scores): float32 1.00 and 1.00, float16 1.00 and 4.00, bfloat16 5.86 and 32.00;
#   with precise=True at most 1.002. Normally distributed scores, 1500 keys, bfloat16: 1.5 to 1.6
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install -q --no-deps --target "$folder" "mlx==0.32.4" "mlx-cpu==0.32.4" "numpy==2.4.6"
PYTHONPATH="$folder" "${PYTHON:-python3}" - <<'PY'
import mlx.core as mx
import numpy as np

mx.set_default_device(mx.cpu)

def sum_weights(scores, precise):
    weights = mx.softmax(scores, axis=-1, precise=precise)
    return np.array(weights.astype(mx.float32)).astype(np.float64).sum(-1)

sums = {}
for name in ("float32", "float16", "bfloat16"):
    for keys in (1500, 8192):
        equal = mx.zeros((1, keys), dtype=getattr(mx, name))
        sums[name, keys] = sum_weights(equal, False)[0]
        assert abs(sum_weights(equal, True)[0] - 1) < 0.01, "precise=True no longer adds up to 1"
        assert abs(mx.logsumexp(equal, axis=-1).item() - np.log(keys)) < 0.05, "mx.logsumexp stops too now"
        print(f"mlx {mx.__version__}  {name:9s} {keys} equal keys: the weights add up to {sums[name, keys]:.2f}")
normal = mx.array(np.random.default_rng(0).standard_normal((4, 1500)).astype(np.float32)).astype(mx.bfloat16)
uneven = sum_weights(normal, False)
print(f"mlx {mx.__version__}  bfloat16  1500 normal scores: {uneven.min():.2f} to {uneven.max():.2f}")
assert all(abs(sums["float32", keys] - 1) < 0.01 for keys in (1500, 8192)), "float32 no longer adds up to 1"
assert sums["bfloat16", 1500] > 3 and sums["float16", 8192] > 3, "half precision adds up to about 1 now"
assert uneven.min() > 1.2, "uneven scores add up to about 1 now"
PY
