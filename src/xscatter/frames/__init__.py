"""Real detector frames: reading, beam centre, tagging."""
