#!/bin/sh
# mlx-lm 0.32.2 against transformers 5.23.0: the GELU of Gemma, Starcoder2 and GPT-NeoX.
#
# Behaviour: Gemma and Starcoder2 have the exact GELU in mlx-lm where the configuration's default in transformers is the tanh
# form; GPT-NeoX has it the other way round. The activation named in a configuration is not read. A port that is held against
# transformers is off for this alone.
#
# Seen: gemma and starcoder2 call gelu where transformers has gelu_pytorch_tanh, gpt_neox calls gelu_approx where transformers has
# gelu; the two forms are up to 4.7e-04 apart.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install -q --target "$folder" --no-deps "mlx-lm==0.32.2"
"${PYTHON:-python3}" -m pip install -q --target "$folder" "torch==2.13.0" "numpy==2.4.6" "mlx[cpu]==0.32.4" "transformers==5.23.0"
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'PY'
import importlib
import sys
import types
from pathlib import Path

import transformers

# the package's own start needs a tokenizer stack; the models are read as they stand
root = next(Path(place) / "mlx_lm" for place in sys.path if (Path(place) / "mlx_lm").is_dir())
for name, place in {"mlx_lm": root, "mlx_lm.models": root / "models"}.items():
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = [str(place)]

import mlx.core as mx
import mlx.nn as nn
import numpy as np

CONFIGS = {
    "gemma": (transformers.GemmaConfig, "hidden_activation"),
    "starcoder2": (transformers.Starcoder2Config, "hidden_act"),
    "gpt_neox": (transformers.GPTNeoXConfig, "hidden_act"),
}
x = mx.linspace(-4, 4, 4001)
exact, tanh = np.asarray(nn.gelu(x)), np.asarray(nn.gelu_approx(x))
calls = []
for kind in ("gelu", "gelu_approx"):
    def spy(value, kind=kind, original=getattr(nn, kind)):
        calls.append(kind)
        return original(value)
    setattr(nn, kind, spy)
for name, (config_class, key) in CONFIGS.items():
    module = importlib.import_module(f"mlx_lm.models.{name}")
    config = config_class()
    wanted = getattr(config, key, None) or "gelu_pytorch_tanh"
    calls.clear()
    if name == "gpt_neox":
        arguments = module.ModelArgs(
            model_type=name, max_position_embeddings=8, hidden_size=8, num_attention_heads=2, num_hidden_layers=1,
            layer_norm_eps=1e-5, vocab_size=8, rotary_emb_base=10000, rotary_pct=0.25,
        )
        layer = module.MLP(arguments)
    else:
        layer = module.MLP(8, 8)
    layer(mx.ones((1, 8)))
    print(f"{name}: transformers' default {wanted}, mlx-lm calls {calls[0]}")
    assert (wanted == "gelu") == (calls[0] == "gelu_approx"), "the activation has changed"
print(f"largest difference between the forms: {np.abs(exact - tanh).max():.1e}")
PY
