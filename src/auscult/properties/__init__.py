"""Properties that a right model has by itself: no second implementation is needed to see one broken.

A property is one file in `checks/`, found by its place.
"""
