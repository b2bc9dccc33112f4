"""Looks at a training before it is paid for: a few instrumented steps, and what they show."""
