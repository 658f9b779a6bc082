"""Code that families of features share: how parameters are drawn, components, tags.

Formulas are in `physics/`; features import both rooms, and never one another.
"""
