#!/bin/sh
# tensorflow-cpu 2.21.0 with Keras 3.15.1: tf.train.Checkpoint(model=keras_model).write(path).
#
# Behaviour: a variable is saved under the shortest way to it through the objects. In a compiled Keras 3 model the optimizer keeps
# the variables that it trains in `_trainable_variables`, which is a shorter way to those of nested layers than the layer itself.
# So weights of the model (here of an attention and a bidirectional layer) stand under `model/optimizer/_trainable_variables/N`,
# between the optimizer's own moments in `model/optimizer/_variables/N`. A reader that drops all keys with `/optimizer/` in them
# loses these weights. Their real names are in the object graph (`full_name`).
#
# Seen: model weights under the optimizer: 14 of 14, such as bi/backward_gru/gru_cell/bias, bi/backward_gru/gru_cell/kernel
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install -q --target "$folder" "tensorflow-cpu==2.21.0" "keras==3.15.1"
cd "$folder"
TF_CPP_MIN_LOG_LEVEL=3 CUDA_VISIBLE_DEVICES="" PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'PY'
import keras
import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf.trackable_object_graph_pb2 import TrackableObjectGraph

inputs = keras.Input((6, 4))
outputs = keras.layers.Bidirectional(keras.layers.GRU(3, return_sequences=True), name="bi")(inputs)
outputs = keras.layers.MultiHeadAttention(2, 4, name="mha")(outputs, outputs)
model = keras.Model(inputs, outputs)
model.compile("adam", "mse")
model.fit(np.zeros((2, 6, 4), np.float32), np.zeros((2, 6, 6), np.float32), verbose=0)
tf.train.Checkpoint(model=model).write("ckpt")
reader = tf.train.load_checkpoint("ckpt")
graph = TrackableObjectGraph.FromString(reader.get_tensor("_CHECKPOINTABLE_OBJECT_GRAPH"))
names = {a.checkpoint_key: a.full_name for node in graph.nodes for a in node.attributes}
weights = {variable.path for variable in model.weights}
under = [n for key, n in names.items() if "/optimizer/_trainable_variables/" in key and n in weights]
print(f"TensorFlow {tf.__version__}, Keras {keras.__version__}")
print(f"model weights under the optimizer: {len(under)} of {len(weights)}, such as {', '.join(sorted(under)[:2])}")
assert under, "the model's weights no longer stand under the optimizer"
PY
