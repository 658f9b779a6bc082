"""Advice for a measurement: when it is over, and where to measure next.

Text and numbers only; acting is the user's. ``advisor`` follows a stream and gives advice with its
evidence; ``course`` measures how far a pattern has changed, ``finished`` is the rule that a process
is over; ``next_point`` proposes places to measure.
"""
