"""Scattering features, one file each; `registry` finds them."""
