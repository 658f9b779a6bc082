"""Physics that several features share: size averages, orientation distributions, peaks, lattices."""
