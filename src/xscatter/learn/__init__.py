"""Train the networks, stop, resume and test them; with networks the only TensorFlow room.

Importing this package imports nothing heavy: TensorFlow is imported when a training starts.
"""
