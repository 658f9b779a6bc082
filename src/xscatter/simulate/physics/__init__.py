"""Formulas of scattering: peaks, sizes, particles, lattices, crystals, powders, surfaces.

Functions of numbers and arrays alone, in nm, nm⁻¹ and radians. They know no experiment, no random
stream of the study and no tag.
"""
