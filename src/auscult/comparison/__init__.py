"""Two runs of one model: aligned layer by layer, held against the noise floor, and the place found
where an error is born.
"""
