"""Fixed-length binary record batches."""
