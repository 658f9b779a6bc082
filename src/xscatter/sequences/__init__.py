"""Analyse frames in time: quantities with errors, and the trends that they follow."""
