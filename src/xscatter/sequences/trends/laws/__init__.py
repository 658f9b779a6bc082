"""The laws: one file each, found by ``registry``.

A file has TITLE, EQUATION, PARAMETERS (those that the law is not linear in, each with a prior),
LINEAR (the number of parameters that it is linear in), REPORTED, and two functions:

* ``columns(x, values, domain)``: the functions of x whose weighted sum is the law, of order 1
  where points were measured, so that one prior of the weights serves all laws;
* ``report(values, linear, domain)``: the reported numbers.

Optional: HAS_LEVEL, False where the first column is not 1; PRIOR, how probable the law is before
any point, relative to others (default 1), which counts in predictions alone; JOINT, two reported
numbers that are drawn as one region; OF_TEMPERATURE, whether x has to be an absolute temperature;
``decades``, which says how much of the x axis an exponent sees.
"""
