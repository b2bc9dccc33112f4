#!/bin/sh
# mlx 0.32.4, mx.cumsum of half precision values on an x86-64 CPU.
#
# Behaviour: the running sum is kept in the type of the input, and stands still where a term is below half a step of it. mx.sum of the
# same values does not. A sine source that adds up frequency / rate falls silent (constant phase) after some cycles, and the
# ends of tokens taken from durations are too early, although each duration is exact. int8 and int16 wrap round in mx.cumsum, and
# mx.sum widens them to int32. Remedy: cast to float32 before the sum.
#
# Seen (last of mx.cumsum and mx.sum): one second of 220 Hz at 24 kHz: float32 220.0 and 220.0, float16 32.0 and 219.9,
#   bfloat16 4.0 and 220.0 cycles; 600 durations of 5 frames: float16 2812 and 3000; 1000 int16 values of 100: -31072 and 100000
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install -q --no-deps --target "$folder" "mlx==0.32.4" "mlx-cpu==0.32.4"
PYTHONPATH="$folder" "${PYTHON:-python3}" - <<'PY'
import mlx.core as mx

mx.set_default_device(mx.cpu)
cycles = {}
for name in ("float32", "float16", "bfloat16"):
    steps = mx.full((24000,), 220 / 24000).astype(getattr(mx, name))
    cycles[name] = mx.cumsum(steps)[-1].item(), mx.sum(steps).item()
    print(f"mlx {mx.__version__}  {name:9s} 220 Hz for a second: mx.cumsum ends at {cycles[name][0]:.1f}, mx.sum gives {cycles[name][1]:.1f}")
frames = mx.full((600,), 5, dtype=mx.float16)
ends = mx.cumsum(frames)[-1].item(), mx.sum(frames).item()
whole = mx.full((1000,), 100, dtype=mx.int16)
wrapped = mx.cumsum(whole)[-1].item(), mx.sum(whole).item()
print(f"mlx {mx.__version__}  600 x 5 in float16: {ends[0]:.0f} and {ends[1]:.0f}; 1000 x 100 in int16: {wrapped[0]} and {wrapped[1]}")
assert abs(cycles["float32"][0] - 220) < 0.1, "float32 left its bound"
assert cycles["float16"][0] < 50 and cycles["bfloat16"][0] < 10, "mx.cumsum goes on in half precision now"
assert abs(cycles["float16"][1] - 220) < 1 and abs(cycles["bfloat16"][1] - 220) < 2, "mx.sum stalls too now"
assert ends[0] < 2900 and ends[1] == 3000, "the ends of durations agree now"
assert wrapped == (-31072, 100000), "int16 is summed in another way now"
PY
