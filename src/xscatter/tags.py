"""The vocabulary: every tag, its order, its definition, its group, and what it implies.

A tag is true of an image when a component that carries it was generated and is detectable: d' and
contrast (`simulate/visibility.py`) at least `DETECTABLE` and `CONTRAST`. A beamstop, a window or a
horizon is tagged where the counts that it takes away are detectable; a beamstop that is masked where
its outline is on the detector (detectability NaN). The other tags of the groups
"instrument", "exposure" and "background" follow the rule in their definition; their detectability is
NaN. Names are those of the published vocabularies where a tag exists there.
"""

from dataclasses import dataclass

DETECTABLE = 8.0  # least d' of a component that is tagged
CONTRAST = (
    0.02  # least Σ(s²/λ) / Σs: a component that is a smaller part of what is seen is not tagged
)


@dataclass(frozen=True)
class Tag:
    """One tag. `implies` are true whenever it is; `expected` says how often it is true of images."""

    name: str
    group: str
    definition: str
    implies: tuple[str, ...] = ()
    expected: str = "usual"  # usual: 2 to 70 % of images; rare; common


def _orders(text: str) -> Tag:
    return Tag(
        f"higher orders: {text}",
        "orders",
        f"{text} orders of one feature are detectable.",
        ("higher orders",),
    )


TAGS: tuple[Tag, ...] = (
    Tag(
        "diffuse low-q",
        "diffuse",
        "Scattering that falls from the beam outwards (Guinier, Porod, correlation).",
    ),
    Tag("diffuse low-q: isotropic", "diffuse", "Equal at all azimuths.", ("diffuse low-q",)),
    Tag(
        "diffuse low-q: anisotropic",
        "diffuse",
        "Elliptical, axes differ by more than 1.2.",
        ("diffuse low-q",),
    ),
    Tag("diffuse high-q", "diffuse", "Scattering that rises towards the edge of the image."),
    Tag("halo", "halo", "A broad ring: width over radius above 0.2."),
    Tag("halo: isotropic", "halo", "Equal at all azimuths.", ("halo",)),
    Tag("halo: anisotropic", "halo", "Its intensity varies with azimuth.", ("halo",)),
    Tag("symmetry halo", "halo", "A halo with n-fold symmetry, n ≥ 2.", ("halo: anisotropic",)),
    Tag("ring", "ring", "A ring: width over radius at most 0.2."),
    Tag("ring: isotropic", "ring", "Equal at all azimuths.", ("ring",)),
    Tag("ring: anisotropic", "ring", "Its intensity varies with azimuth.", ("ring",)),
    Tag(
        "ring: textured",
        "ring",
        "Oriented arcs, η at least 0.5 (wrapped Cauchy).",
        ("ring: anisotropic",),
    ),
    Tag("ring: spotted", "ring", "Made of distinct spots: a finite number of grains.", ("ring",)),
    Tag(
        "ring: oriented in plane",
        "ring",
        "Arcs within 15° of the horizontal.",
        ("ring: anisotropic",),
    ),
    Tag(
        "ring: oriented out of plane",
        "ring",
        "Arcs within 15° of the vertical.",
        ("ring: anisotropic",),
    ),
    Tag("ring: sharp", "ring", "Width over radius below 0.025.", ("ring",)),
    Tag("ring: intermediate", "ring", "Width over radius 0.025 to 0.1.", ("ring",)),
    Tag("ring: broad", "ring", "Width over radius above 0.1.", ("ring",)),
    Tag("oval ring", "ring", "An ellipse: strained or sheared sample.", ("ring",)),
    Tag("symmetry ring", "ring", "A ring with n-fold symmetry, n ≥ 2.", ("ring: anisotropic",)),
    Tag("2-fold", "symmetry", "Two maxima on a turn."),
    Tag("4-fold", "symmetry", "Four maxima on a turn."),
    Tag("6-fold", "symmetry", "Six maxima on a turn."),
    Tag("8-fold and higher", "symmetry", "Eight or more maxima on a turn.", expected="rare"),
    Tag(
        "orientation: broad",
        "orientation",
        "η below 0.3 (wrapped Cauchy: 0 without orientation, 1 perfect).",
    ),
    Tag("orientation: intermediate", "orientation", "η 0.3 to 0.75."),
    Tag("orientation: sharp", "orientation", "η above 0.75."),
    Tag(
        "higher orders",
        "orders",
        "At least two orders of one feature are detectable.",
        expected="common",
    ),
    _orders("2 to 3"),
    _orders("4 to 6"),
    _orders("7 or more"),
    Tag("many rings", "orders", "More than four rings are detectable."),
    Tag("bcc", "lattice", "Body-centred cubic lattice of particles."),
    Tag("fcc", "lattice", "Face-centred cubic lattice of particles."),
    Tag("simple cubic", "lattice", "Simple cubic lattice of particles."),
    Tag("hexagonal", "lattice", "Hexagonally packed cylinders, 1 : √3 : 2 : √7."),
    Tag("lamellar", "lattice", "Lamellae, 1 : 2 : 3."),
    Tag("form factor", "form factor", "Scattering of single particles."),
    Tag("form factor: sphere", "form factor", "Of spheres.", ("form factor",)),
    Tag("form factor: core-shell", "form factor", "Of spheres with a shell.", ("form factor",)),
    Tag("form factor: cylinder", "form factor", "Of cylinders.", ("form factor",)),
    Tag("form factor: ellipsoid", "form factor", "Of ellipsoids.", ("form factor",)),
    Tag("form factor: lamella", "form factor", "Of single lamellae.", ("form factor",)),
    Tag("structure factor", "structure", "Positions of particles are correlated."),
    Tag("polycrystalline", "sample", "Very many grains: smooth powder rings of a crystal."),
    Tag("large grains", "sample", "Ten to a thousand grains: spotty rings.", ("ring: spotted",)),
    Tag("single crystal", "sample", "Isolated spots of one crystal."),
    Tag("layer lines", "fibre", "Lines across the fibre axis."),
    Tag("equatorial streak", "fibre", "A streak across the fibre axis, through the beam."),
    Tag("coherent speckle", "coherence", "Grains of interference over the scattering."),
    Tag("grazing incidence", "grazing", "The beam meets a film at a small angle."),
    Tag("Yoneda", "grazing", "A band at the critical angle.", ("grazing incidence",)),
    Tag("horizon", "grazing", "The edge of the sample's shadow.", ("grazing incidence",)),
    Tag(
        "specular rod",
        "grazing",
        "A vertical rod through the specular spot.",
        ("grazing incidence",),
    ),
    Tag("Bragg rods", "grazing", "Vertical rods of an in-plane lattice.", ("grazing incidence",)),
    Tag("standard", "standard", "A calibration standard.", expected="rare"),
    Tag("silver behenate", "standard", "Silver behenate, 5.838 nm.", ("standard",), "rare"),
    Tag("LaB6", "standard", "Lanthanum hexaboride, 0.41569 nm.", ("standard",), "rare"),
    Tag("CeO2", "standard", "Ceria, 0.54116 nm.", ("standard",), "rare"),
    Tag(
        "strong scattering",
        "exposure",
        "More than 10⁷ expected counts of the sample on live pixels.",
    ),
    Tag("intermediate scattering", "exposure", "10⁵ to 10⁷ expected counts of the sample."),
    Tag("weak scattering", "exposure", "Fewer than 10⁵ expected counts of the sample."),
    Tag(
        "high background", "background", "The background is more than half of all expected counts."
    ),
    Tag("blank", "exposure", "No beam: noise of the detector alone.", expected="rare"),
    Tag("saturation", "exposure", "At least one live pixel in 10⁵ is saturated."),
    Tag(
        "zingers",
        "instrument",
        "Pixels hit by cosmic rays or decays, at least one live and clear of the noise.",
    ),
    Tag(
        "parasitic slit scattering",
        "instrument",
        "Streaks through the beam from the edges of slits.",
    ),
    Tag(
        "windowed", "instrument", "Only a part of the detector is open: a window or a flight tube."
    ),
    Tag("beam off image", "instrument", "The beam centre lies outside of the image."),
    Tag("circular beamstop", "instrument", "The beamstop is a disk."),
    Tag("linear beamstop", "instrument", "The beamstop is a rod."),
    Tag("wedge beamstop", "instrument", "The beamstop is a wedge."),
)

NAMES: tuple[str, ...] = tuple(tag.name for tag in TAGS)
INDEX: dict[str, int] = {name: i for i, name in enumerate(NAMES)}

# Only one of each row can be true of an image.
EXCLUSIVE: tuple[tuple[str, ...], ...] = (
    ("circular beamstop", "linear beamstop", "wedge beamstop", "beam off image"),
    ("strong scattering", "intermediate scattering", "weak scattering", "blank"),
)

WACV_2017 = (
    "bcc", "beam off image", "circular beamstop", "diffuse high-q", "diffuse low-q", "fcc", "halo",
    "high background", "higher orders", "linear beamstop", "many rings", "polycrystalline", "ring",
    "strong scattering", "structure factor", "weak scattering", "wedge beamstop",
)  # fmt: skip
DOUBLE_VIEW_10 = (
    "low-q", "high-q", "halo", "higher orders", "ring", "symmetry halo", "symmetry ring", "2-fold",
    "4-fold", "6-fold",
)  # fmt: skip
DOUBLE_VIEW_15 = (
    "low-q", "high-q", "halo", "higher orders", "ring", "BCC", "FCC", "hexagonal", "lamellar",
    "symmetry halo", "symmetry ring", "circular beamstop", "wedge beamstop", "linear beamstop",
    "beam off image",
)  # fmt: skip
# Published names of tags that already carry another published name: one column serves both.
ALIASES = {"low-q": "diffuse low-q", "high-q": "diffuse high-q", "BCC": "bcc", "FCC": "fcc"}
VOCABULARIES = {
    "wacv-17": WACV_2017,
    "double-view-15": DOUBLE_VIEW_15,
    "double-view-10": DOUBLE_VIEW_10,
}


def find(name: str) -> int:
    """Column of the tag called `name` in any of the vocabularies.

    Raises:
        KeyError: no such tag.
    """
    return INDEX[ALIASES.get(name, name)]


def with_implied(names: set[str]) -> set[str]:
    """`names` and all tags that they imply, directly or not."""
    found = set()
    left = list(names)
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left.extend(TAGS[INDEX[name]].implies)
    return found
