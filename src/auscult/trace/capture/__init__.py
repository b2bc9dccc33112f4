"""Capture per runtime, found by this folder.

A file has

    def accepts(value: object) -> bool                                     # without importing the runtime
    def open_runner(value: Any, name: str) -> Runner
    def probe(value: Any, recorder: Recorder) -> AbstractContextManager    # where code of the user can run around the model
"""
