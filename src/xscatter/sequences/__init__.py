"""Frames and profiles in time: features, homogeneity scan, order, events and processes.

`polar` reduces a frame to sums, `scan` finds changes of the pattern without a network, `evidence`
says what changed, `tracker` makes processes and events of it, `order` and `covariates` prepare the
frames of a sequence, and `features` holds what a temporal network reads of each frame.
`quantities` measures a frame, with an error each, and `trends` fits laws to a series and predicts.
"""
