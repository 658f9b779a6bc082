"""The vocabulary: every tag with its group, its definition and the tags that it implies.

A tag is true of an image when a component that carries it was generated and is detectable: its
detectability d' is at least `DETECTABLE` and its contrast at least `CONTRAST`. A tag that names a
kind (of form factor, lattice, symmetry, direction, or a class of width or orientation) asks for
more: d' and contrast are those of the difference to its best alternative, another kind or the same
feature at the border, fitted in scale and position, on a smooth background where the tag is read
from a profile (`simulate/kinds`). Where no kind can be told, the general tag stays.

A beamstop, a window or a horizon is tagged where the counts that it removes are detectable; a
beamstop that is part of the mask is tagged where its outline is on the detector (d' is NaN). The
other tags of the groups "instrument", "exposure" and "background" follow the rule in their
definition; their d' is NaN.

Names are those of the published vocabularies where a tag exists there.
"""

from dataclasses import dataclass

# Smallest d' = sqrt(Σ s²/λ) of a component that is tagged: s are its expected counts, λ all counts.
DETECTABLE = 8.0
# Smallest contrast Σ(s²/λ) / Σs: without it, a thousandth of a ring under 10⁸ photons were a ring.
CONTRAST = 0.02


@dataclass(frozen=True)
class Tag:
    """One tag.

    Attributes:
        name: Name; files and trained networks refer to it.
        group: Group in which tables show it.
        definition: What an image with the tag shows.
        implies: Tags that are true whenever this one is.
        expected: Expected prevalence: "usual" is 2 to 70 % of images, "rare" less, "common" more.
    """

    name: str
    group: str
    definition: str
    implies: tuple[str, ...] = ()
    expected: str = "usual"


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
        "Diffuse scattering that decreases with q (Guinier, Porod, correlation).",
    ),
    Tag(
        "diffuse low-q: isotropic",
        "diffuse",
        "The same intensity at all azimuths.",
        ("diffuse low-q",),
    ),
    Tag(
        "diffuse low-q: anisotropic",
        "diffuse",
        "Elliptical contours with an axis ratio above 1.2.",
        ("diffuse low-q",),
    ),
    Tag(
        "diffuse high-q",
        "diffuse",
        "Diffuse scattering that increases towards the edge of the image.",
    ),
    Tag("halo", "halo", "A broad ring: its width is more than 0.2 of its radius."),
    Tag("halo: isotropic", "halo", "A halo with the same intensity at all azimuths.", ("halo",)),
    Tag("halo: anisotropic", "halo", "A halo whose intensity varies with azimuth.", ("halo",)),
    Tag("symmetry halo", "halo", "A halo with n-fold symmetry, n ≥ 2.", ("halo: anisotropic",)),
    Tag("ring", "ring", "A ring: its width is at most 0.2 of its radius."),
    Tag("ring: isotropic", "ring", "A ring with the same intensity at all azimuths.", ("ring",)),
    Tag("ring: anisotropic", "ring", "A ring whose intensity varies with azimuth.", ("ring",)),
    Tag(
        "ring: textured",
        "ring",
        "A ring of oriented arcs, with orientation η ≥ 0.5 (wrapped Cauchy).",
        ("ring: anisotropic",),
    ),
    Tag(
        "ring: spotted",
        "ring",
        "A ring of separate spots, from a finite number of grains.",
        ("ring",),
    ),
    Tag(
        "ring: oriented in plane",
        "ring",
        "A ring with arcs within 15° of the horizontal.",
        ("ring: anisotropic",),
    ),
    Tag(
        "ring: oriented out of plane",
        "ring",
        "A ring with arcs within 15° of the vertical.",
        ("ring: anisotropic",),
    ),
    Tag("ring: sharp", "ring", "A ring whose width is less than 0.025 of its radius.", ("ring",)),
    Tag(
        "ring: intermediate", "ring", "A ring whose width is 0.025 to 0.1 of its radius.", ("ring",)
    ),
    Tag("ring: broad", "ring", "A ring whose width is more than 0.1 of its radius.", ("ring",)),
    Tag("oval ring", "ring", "An elliptical ring, from a strained or sheared sample.", ("ring",)),
    Tag("symmetry ring", "ring", "A ring with n-fold symmetry, n ≥ 2.", ("ring: anisotropic",)),
    Tag("2-fold", "symmetry", "Two maxima around the beam."),
    Tag("4-fold", "symmetry", "Four maxima around the beam."),
    Tag("6-fold", "symmetry", "Six maxima around the beam."),
    Tag("8-fold and higher", "symmetry", "Eight or more maxima around the beam.", expected="rare"),
    Tag(
        "orientation: broad",
        "orientation",
        "Orientation η < 0.3 (wrapped Cauchy; 0: none, 1: perfect).",
    ),
    Tag("orientation: intermediate", "orientation", "Orientation 0.3 ≤ η ≤ 0.75."),
    Tag("orientation: sharp", "orientation", "Orientation η > 0.75."),
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
    Tag("hexagonal", "lattice", "Hexagonally packed cylinders, peaks at 1 : √3 : 2 : √7."),
    Tag("lamellar", "lattice", "Lamellar stack, or anything else with rings or arcs at 1 : 2 : 3."),
    Tag("form factor", "form factor", "Scattering of individual particles."),
    Tag("form factor: sphere", "form factor", "Form factor of spheres.", ("form factor",)),
    Tag(
        "form factor: core-shell",
        "form factor",
        "Form factor of spheres with a shell.",
        ("form factor",),
    ),
    Tag("form factor: cylinder", "form factor", "Form factor of cylinders.", ("form factor",)),
    Tag("form factor: ellipsoid", "form factor", "Form factor of ellipsoids.", ("form factor",)),
    Tag("form factor: lamella", "form factor", "Form factor of single lamellae.", ("form factor",)),
    Tag("structure factor", "structure", "The positions of particles are correlated."),
    Tag("polycrystalline", "sample", "Very many crystal grains: smooth powder rings."),
    Tag(
        "large grains",
        "sample",
        "Ten to a thousand crystal grains: spotty rings.",
        ("ring: spotted",),
    ),
    Tag("single crystal", "sample", "Separate spots of a single crystal."),
    Tag("layer lines", "fibre", "Layer lines perpendicular to the fibre axis."),
    Tag(
        "equatorial streak", "fibre", "A streak through the beam, perpendicular to the fibre axis."
    ),
    Tag("coherent speckle", "coherence", "Speckle: interference of a coherent beam."),
    Tag("grazing incidence", "grazing", "The beam hits a film at a small angle."),
    Tag("Yoneda", "grazing", "A bright band at the critical angle.", ("grazing incidence",)),
    Tag("horizon", "grazing", "The edge of the shadow of the sample.", ("grazing incidence",)),
    Tag(
        "specular rod",
        "grazing",
        "A vertical rod through the specular spot.",
        ("grazing incidence",),
    ),
    Tag("Bragg rods", "grazing", "Vertical rods from an in-plane lattice.", ("grazing incidence",)),
    Tag("standard", "standard", "A calibration standard.", expected="rare"),
    Tag(
        "silver behenate",
        "standard",
        "Silver behenate, layer spacing 5.838 nm.",
        ("standard",),
        "rare",
    ),
    Tag(
        "LaB6",
        "standard",
        "Lanthanum hexaboride, lattice constant 0.41569 nm.",
        ("standard",),
        "rare",
    ),
    Tag("CeO2", "standard", "Cerium dioxide, lattice constant 0.54116 nm.", ("standard",), "rare"),
    Tag(
        "strong scattering",
        "exposure",
        "More than 10⁷ counts expected from the sample on live pixels.",
    ),
    Tag(
        "intermediate scattering",
        "exposure",
        "10⁵ to 10⁷ counts expected from the sample on live pixels.",
    ),
    Tag(
        "weak scattering",
        "exposure",
        "Fewer than 10⁵ counts expected from the sample on live pixels.",
    ),
    Tag("high background", "background", "More than half of all expected counts are background."),
    Tag("blank", "exposure", "No beam: only noise of the detector.", expected="rare"),
    Tag("saturation", "exposure", "At least one live pixel in 10⁵ is saturated."),
    Tag(
        "zingers",
        "instrument",
        "Pixels hit by cosmic rays or decays; at least one is live and well above the noise.",
    ),
    Tag(
        "parasitic slit scattering",
        "instrument",
        "Streaks through the beam, from the edges of slits.",
    ),
    Tag("windowed", "instrument", "A window or a flight tube shadows part of the detector."),
    Tag("beam off image", "instrument", "The beam centre is outside the image."),
    Tag(
        "circular beamstop",
        "instrument",
        "The beamstop is a disk, more than three times as wide as a holder that is seen.",
    ),
    Tag(
        "linear beamstop",
        "instrument",
        "The beamstop is a rod, which may have a head up to three times as wide.",
    ),
    Tag("wedge beamstop", "instrument", "The beamstop is a wedge."),
)

NAMES: tuple[str, ...] = tuple(tag.name for tag in TAGS)
INDEX: dict[str, int] = {name: i for i, name in enumerate(NAMES)}

# At most one tag of each row can be true of an image.
EXCLUSIVE: tuple[tuple[str, ...], ...] = (
    ("circular beamstop", "linear beamstop", "wedge beamstop", "beam off image"),
    ("strong scattering", "intermediate scattering", "weak scattering", "blank"),
    ("silver behenate", "LaB6", "CeO2"),
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
# Published names of tags whose column has another published name.
ALIASES = {"low-q": "diffuse low-q", "high-q": "diffuse high-q", "BCC": "bcc", "FCC": "fcc"}
VOCABULARIES = {
    "wacv-17": WACV_2017,
    "double-view-15": DOUBLE_VIEW_15,
    "double-view-10": DOUBLE_VIEW_10,
}


def find(name: str) -> int:
    """Return the column of the tag with this name in any of the vocabularies.

    Raises:
        KeyError: There is no such tag.
    """
    return INDEX[ALIASES.get(name, name)]


def with_implied(names: set[str]) -> set[str]:
    """Return `names` and all tags that they imply, directly or through others."""
    true: set[str] = set()
    left = list(names)
    while left:
        name = left.pop()
        if name not in true:
            true.add(name)
            left.extend(TAGS[INDEX[name]].implies)
    return true
