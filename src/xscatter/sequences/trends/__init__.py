"""Trends: which law a quantity follows, what the data determine, and how it will continue.

``columns`` reads a table. ``laws`` has one law a file, which ``registry`` finds. ``likelihood``
is the model that all laws share; ``fit`` finds the best parameters, ``profile`` their intervals,
``posterior`` the parameters that remain possible. ``trend`` puts them together.
"""
