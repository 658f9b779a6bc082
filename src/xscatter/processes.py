"""The vocabulary of processes: every change in time that a sequence of frames can show.

A process is true of a sequence when it was simulated and its change of the pattern is detectable:
D is at least `DETECTABLE` and its contrast at least `CONTRAST` (`simulate/homogeneity.py`).
"""

from dataclasses import dataclass

# Smallest D = sqrt(Σ (L − E)²/E) of a process that is labelled: the same number as for a tag.
DETECTABLE = 8.0
# Smallest contrast Σ((L − E)²/E) / Σ|L − E|: without it, a thousandth of a ring were a process.
CONTRAST = 0.02

FAMILIES = ("position", "intensity", "width", "order", "lattice", "time", "instrument")


@dataclass(frozen=True)
class Process:
    """One process.

    Attributes:
        name: Name; files and trained networks refer to it.
        family: One of `FAMILIES`: what of the pattern changes.
        definition: What the frames show.
        reverse: Name of the process that the same frames show backwards, if it has one.
    """

    name: str
    family: str
    definition: str
    reverse: str | None = None


# Files keep the order: append, never reorder.
PROCESSES: tuple[Process, ...] = (
    Process(
        "crystallisation",
        "order",
        "A halo weakens while sharp rings grow in their place.",
        "melting",
    ),
    Process("melting", "order", "Sharp rings fade into a halo, mostly quickly.", "crystallisation"),
    Process(
        "ordering",
        "order",
        "A broad correlation halo becomes a sharp peak with higher orders.",
        "disordering",
    ),
    Process("disordering", "order", "Peaks with higher orders become a broad halo.", "ordering"),
    Process(
        "lattice change",
        "lattice",
        "One set of rings fades as another grows.",
        "lattice change",
    ),
    Process(
        "phase separation",
        "intensity",
        "A ring at low q appears, brightens, then moves inwards.",
    ),
    Process(
        "coarsening",
        "position",
        "Particles grow at constant volume: minima move inwards, low q rises.",
    ),
    Process(
        "nucleation and growth",
        "intensity",
        "Particles appear and grow: scattering at low q from nothing.",
    ),
    Process("aggregation", "intensity", "A power law at low q grows and steepens."),
    Process(
        "superlattice assembly",
        "order",
        "Particles get a correlation peak, then Bragg peaks.",
    ),
    Process("drying", "position", "A structure shrinks as its solvent leaves.", "swelling"),
    Process("swelling", "position", "A structure widens as it takes up solvent.", "drying"),
    Process("dehydration", "lattice", "Lamellar peaks jump between a few spacings."),
    Process("alignment", "order", "A ring becomes arcs.", "relaxation"),
    Process("relaxation", "order", "Arcs become a ring.", "alignment"),
    Process("rotation", "order", "Arcs turn about the beam.", "rotation"),
    Process("expansion", "position", "All rings of one phase move inwards.", "contraction"),
    Process("contraction", "position", "All rings of one phase move outwards.", "expansion"),
    Process("strain", "position", "A circle becomes an ellipse, or back.", "strain"),
    Process("broadening", "width", "Rings become wider.", "sharpening"),
    Process("sharpening", "width", "Rings become narrower.", "broadening"),
    Process(
        "beam damage",
        "intensity",
        "Rings fade, first at high q, or low q rises, from the first exposed frame.",
    ),
    Process("cycle", "time", "A change that goes back and forth.", "cycle"),
    Process("dynamics", "time", "Speckles reshuffle; the mean pattern stays.", "dynamics"),
    Process("beam lost", "instrument", "No beam for many frames, until it is back."),
    Process("shutter", "instrument", "Single frames without beam."),
    Process("flux step", "instrument", "Steps or a sawtooth of the incident flux."),
    Process(
        "sample moved",
        "instrument",
        "The sample leaves the beam; air and background stay.",
        "sample moved",
    ),
    Process("beam drift", "instrument", "The beam wanders over the detector.", "beam drift"),
    Process("obstruction", "instrument", "Something shadows part of the detector."),
    Process("detector fault", "instrument", "Dead modules, bad rows, repeated or bright frames."),
)

NAMES: tuple[str, ...] = tuple(process.name for process in PROCESSES)
INDEX: dict[str, int] = {name: i for i, name in enumerate(NAMES)}
