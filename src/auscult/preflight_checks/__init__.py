"""Look at a training before it is paid for: a few steps with instruments, and what they show."""
