"""Scattering features, one file each; the registry finds them. To add a feature, add a file.

A file `simulate/features/<name>.py` is a feature. Its tests and its docs page are made of what it
holds:

- its docstring: what it is, the equation, and the source of the equation;
- ``KIND``: "sample", "background" or "standard" (a standard is drawn alone, now and then);
- ``FAMILIES``: how likely it is in each family of samples (see `sample.FAMILIES`) as a dict of
  weights, with the key "any" for all that are not named; ``GRAZING`` the same for experiments under
  grazing incidence (one number, default 0). Weights are relative to other features; the weight
  of a background is its probability. An optional ``applies(experiment) -> bool`` leaves the
  feature out of experiments that cannot show it (for speckle,
  ``experiment.setup.exposure.coherent``; see `setup.Setup`);
- ``TAGS``: every tag that it can imply (names of `tags.py`);
- ``PARAMETERS``: a tuple of `Parameter(name, unit, default, (low, high), meaning)`. Values are
  floats, or ints where both bounds are ints; lengths in nm, q in nm⁻¹, angles in degrees;
- ``draw(rng, experiment) -> dict``: one physically sane set of parameters. Draw what must be seen
  within `experiment.q_low` .. `experiment.q_high`; nothing drawn may depend on the image size.
  Anything random that is not a parameter of its own (positions of grains) comes from a generator
  made of an int parameter `seed`, so that the set regenerates the image;
- ``contribute(parameters, experiment) -> list[Component]``: what it adds to the expected image, as
  the shapes of `simulate/components.py`, sampled at `experiment.q`, `.chi`, `.axis` or in pixels.
  Units of intensity are free, shared by the components of the feature: the renderer scales the
  whole to its share of the photons. It must not depend on the image size except through those axes.
  Point spread is applied for you to `Radial` profiles and to `Plane`; use
  `experiment.spread_pixels` in quadrature for `Spots`;
- ``REFERENCES``: a tuple of checks for one test that walks all features: `(function, arguments,
  value, source)`, the value known from elsewhere (a table, a paper, sasmodels).

Under grazing incidence (`experiment.grazing`) the experiment itself darkens what lies below the
horizon and weighs the rest with |t(α_f)|², for all features; it also decides the tags "horizon" and
"Yoneda". `experiment.film.incidence` and `.critical` are angles in radians, and
`experiment.film.exit_angle(experiment.geometry, rows, cols)` is α_f of pixels. Features of films
add rods, peaks, and diffuse scattering for the Yoneda band to act on.

A feature imports no other feature. Formulas are in `simulate/physics/` (peaks, never narrower than
the table; `wrapped_cauchy`; Debye-Waller; averages over sizes; lattices, crystals, powders). What
families of features share (their tags, how they are drawn, components of particles, lattices and
standards) is in `simulate/shared/`.

Keep one image's `contribute` below about 2 ms at 1000 × 1000: tables are a few thousand points;
average over sizes or orientations on a coarse grid (`physics.sizes.tabulated`) and interpolate.
`python -m xscatter.simulate.gallery <name>` draws a feature in several experiments into
gallery/<name>.png.
"""
