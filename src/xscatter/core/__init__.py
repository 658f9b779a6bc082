"""Errors, seeds, progress, provenance, compiled loops, and files that are complete or absent."""
