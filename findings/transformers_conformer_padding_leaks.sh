#!/bin/sh
# transformers 5.23.0, Wav2Vec2ConformerModel: padding behind a recording, with the attention mask that says so.
#
# Behaviour: the attention mask reaches the attention, but not the depthwise convolution of the conformer block. What stands in
# the masked frames is mixed into the last real ones, over half of that kernel (31 frames: 15). So a recording in a padded batch
# ends otherwise than alone, whatever the mask. The first frames are equal to rounding.
#
# Seen: first frame 6e-08, middle frame 8e-08, last frame 0.41 of the largest value.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install -q --target "$folder" "torch==2.13.0" "numpy==2.4.6" "transformers==5.23.0"
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'PY'
import torch
import transformers
from transformers import Wav2Vec2ConformerConfig, Wav2Vec2ConformerModel

torch.manual_seed(0)
config = Wav2Vec2ConformerConfig(
    hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, conv_dim=(16, 16), conv_stride=(5, 2),
    conv_kernel=(10, 3), num_conv_pos_embeddings=16, num_conv_pos_embedding_groups=4, feat_extract_norm="layer",
)
model = Wav2Vec2ConformerModel(config).eval()
sound, padding = torch.randn(1, 1600), torch.zeros(1, 800)
mask = torch.cat([torch.ones(1, 1600), padding], 1).long()
with torch.no_grad():
    alone = model(sound, attention_mask=torch.ones(1, 1600).long()).last_hidden_state[0]
    padded = model(torch.cat([sound, padding], 1), attention_mask=mask).last_hidden_state[0, : len(alone)]
error = ((alone - padded).abs().amax(-1) / alone.abs().max()).tolist()
first, middle, last = error[0], error[len(error) // 2], error[-1]
print(f"transformers {transformers.__version__}: first frame {first:.1e}, middle frame {middle:.1e}, last frame {last:.2f}")
assert max(first, middle) < 1e-5 and last > 0.01, "the mask reaches the convolution"
PY
