#!/bin/sh
# optimum-quanto 0.2.7, state_dict of a model with qint4 or qint2 weights.
#
# Behaviour: a quantised weight is saved as its packed groups, scales and shifts. The shape of the weight is in none of them: (out, in) and
# (in, out) of a layer without a bias give parts of equal shapes, and only the code that builds the model tells them
# apart. The int8 weights (qint8) keep their shape.
#
# Seen: qint4 (128, 256) and (256, 128): the same shapes of all parts. qint8: (128, 256) against (256, 128).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install -q --target "$folder" "optimum-quanto==0.2.7" "torch==2.13.0" "numpy==2.4.6" "transformers==5.23.0"
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'PY'
from importlib.metadata import version
import torch
from optimum.quanto import freeze, qint4, qint8, quantize

def shapes(kind, rows, columns):
    model = torch.nn.Sequential(torch.nn.Linear(columns, rows, bias=False))
    quantize(model, weights=kind)
    freeze(model)
    return {name: tuple(part.shape) for name, part in model.state_dict().items()}

for kind in (qint4, qint8):
    upright, flat = shapes(kind, 128, 256), shapes(kind, 256, 128)
    print(f"optimum-quanto {version('optimum-quanto')}  {kind.name}: {upright} and {flat}")
    assert (upright == flat) is (kind is qint4), "the shape is saved in another way now"
PY
