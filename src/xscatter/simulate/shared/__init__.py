"""What families of features share: how parameters are drawn, and what their components look like.

Formulas are in `physics/`; features import both rooms, and never one another.
"""
