"""Kinds are told from their alternatives by d' of the difference to the one that fits best.

A tag that names a kind (of form factor, lattice, symmetry, width) is true where the component is
visible and the difference Δ to its best alternative is so, too: d'² = Σ Δ²/λ and contrast
Σ(Δ²/λ)/Σ|Δ| reach the thresholds of components. Before the difference is taken, the alternative is
fitted to the component in its free scale and position, with a smooth background where the tag is
read from a profile. The sums over pixels were collected while rendering, by radius and by azimuth,
so that a fit is a few operations on some hundred numbers.
"""
