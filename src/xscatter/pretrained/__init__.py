"""The tagger that comes with xscatter: its folder, with a card that says what it can do."""

from pathlib import Path

FOLDER = Path(__file__).parent / "tagger"
"""The folder of the shipped tagger; ``card.md`` in it describes it."""
