"""Defects of training, planted in small trainers of several shapes, and healthy trainers that must be left alone."""
