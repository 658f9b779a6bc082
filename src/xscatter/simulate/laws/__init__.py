"""Laws of processes, one file each; `law_registry` finds them. To add a law, add a file.

A file `simulate/laws/<name>.py` is a law: how a scene changes while a process goes on. Its tests
and its docs page are made of what it holds:

- its docstring: what happens, the equation, and the source of the equation;
- ``KIND``: "sample" or "instrument";
- ``TAGS``: the processes that it can be (names of `processes.py`). If there are several, a function
  ``process(parameters) -> str`` returns the one that these parameters describe;
- ``PARAMETERS``: a tuple of `Parameter(name, unit, default, (low, high), meaning)`; times are in
  frames of the record (`shared/kinetics.py`);
- ``FEATURES``: of a law of samples: tuples of names of features. One tuple is chosen, and one entry
  of the scene (feature, share, parameters) is drawn for each name in it: the entries of the law;
- ``draw(rng, experiment, frames, entries) -> dict``: one physically sane set of parameters for a
  record of `frames` frames. It may adjust `entries`, such as to put a ring where the halo is;
- ``progress(parameters, t) -> (n,)``: X in [0, 1] at frames `t` (n,);
- ``values(parameters, x, t, entries) -> list``: of a law of samples: its entries of the scene at
  progress `x` and frame `t` (numbers). Most laws use `x` alone;
- ``disturb(parameters, x, t, scene) -> dict``: of a law of instruments: the scene as it makes it.
  It may change photons and drift, add to "shadows" (see `shadows.py`), multiply "sample" (the part
  of the sample in the beam, 1 if absent), and set "repeats" (how many frames ago the frame was
  read that is read out again);
- ``TABLE``: "rows" if a process is judged by the total counts of frames, "" if it changes no
  expected count, else "pattern", the default; or a function ``table(parameters)`` that returns it;
- ``RETURNS``: True if it comes and goes, with a span for each time;
- ``DOSE``: True if its time is the dose: frames at mean flux, dark ones do not count;
- ``PREFERRED``: how often a law is taken first where it can act, if that is rare;
- ``covariate(parameters, t)``: optional: name, unit and values (n,) of what the user controls,
  or None;
- ``REFERENCES``: `(function, arguments, value, source)`, values known from elsewhere.

The timeline (`timeline.py`) chooses laws, warps X in half of the sequences, so that no network can
learn the shape of our curves, and draws again if a parameter leaves its bounds on the way. What a
law does not change is constant: grains and speckles keep their seeds.

A feature is scaled to its share of the photons whatever its parameters are. A particle that grows
therefore scatters more only if the law drives its share, too.
"""
