"""The Keras networks and their inputs; how they are loaded, exported to ONNX, and run there."""
