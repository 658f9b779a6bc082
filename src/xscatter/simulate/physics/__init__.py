"""Physics that several features share: sizes, particles, lattices, crystals, powders, surfaces."""
