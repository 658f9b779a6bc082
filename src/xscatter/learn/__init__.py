"""Networks, training, evaluation. TensorFlow is imported only by modules in here."""
