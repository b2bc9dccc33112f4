"""Recording ONNX models in ONNX Runtime: every intermediate tensor becomes an output of the
graph.
"""
