"""Training, stopping, resuming and testing the three networks; the only room that imports TensorFlow.

Importing this package imports nothing heavy: the modules below it do.
"""
