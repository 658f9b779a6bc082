"""The Keras networks, their inputs, and how they are loaded."""
