"""What preflight measures on live modules: pure functions, cheap enough for a monitor that runs
during training.
"""
