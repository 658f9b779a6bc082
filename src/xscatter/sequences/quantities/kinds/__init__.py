"""The quantities: one file each, found by ``registry``.

A file has TITLE, UNIT, optionally NEEDS_Q (it means nothing without a geometry) and OF_NOISE
(False: its error is the same for any noise), and ``measure(rings)``, which returns value and
standard deviation, or None where the frame does not show the quantity.
"""
