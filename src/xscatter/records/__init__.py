"""Fixed-length binary record batches: `records.open(folder)` reads them, `xscatter pack` writes them."""

from xscatter.records.read import Records, open

__all__ = ["Records", "open"]
