"""Fixed-length binary record batches: `xscatter pack` writes them, `open_records` reads them."""

from xscatter.records.read import Records, open_records

__all__ = ["Records", "open_records"]
