"""Advice for a measurement: where to measure next. Text and numbers only; acting is the user's."""
