"""Obstacles between sample and detector, one file each; a registry finds them.

To add an obstacle, add a file ``simulate/instrument/obstacles/<name>.py``. It holds

- a frozen dataclass, a subclass of `Obstacle`: what is drawn for an experiment. Its
  ``factors(experiment)`` yields a `Factor` for each effect: a map over the pixels that multiplies
  the scattering, under the name of a tag of `tags.py` (or another name, if no tag is about it). The
  tag is true of an image if the counts that the obstacle takes away or adds are detectable. If
  somebody may have masked it, ``mask(experiment)`` returns these pixels and ``tag`` its tag, which
  is then true where the outline can be told from the mask. ``kinds`` returns the names of the kinds
  of instrument that it is, such as "window: circle", and ``KINDS`` of the file lists all of them,
  so that studies can leave them out;
- ``draw(draws, detector, placement)``: an instance, or None for experiments without it. Draw from
  ``draws.rng``; lengths in pixels of the layout, positions in fractions of the side of the image,
  so that nothing depends on the image size. ``detector`` and ``placement`` tell where detector and
  beam are; ``placement`` is None for film and window, which are drawn before the beam is placed.

`experiment.map_of(function)` makes a map in blocks of rows, so that memory stays bounded.

The stream of random numbers: a new obstacle has one of its own, keyed by its name
(`Stream.OBSTACLE`), so that it disturbs no draw of detector, beam or other obstacles. Experiments
that it does not touch keep their bytes. The four obstacles named in `setup.FIRST` share the stream
of the set-up instead, in the order that their data were first made in.
"""
