"""The section `simulate`: the synthetic experiments."""

from typing import Annotated, Literal

from pydantic import Field

from xscatter.study.section import Section

MOST_EXPERIMENTS = 10_000_000


class Simulate(Section):
    """Synthetic experiments: how many, of which size, and with which detectors and features."""

    experiments: Annotated[int, Field(ge=1, le=MOST_EXPERIMENTS)] = Field(
        40, description="Number of experiments."
    )
    images: Annotated[int, Field(ge=1, le=100_000)] = Field(
        200, description="Number of images in each experiment."
    )
    size: Annotated[int, Field(ge=32, le=8192)] = Field(256, description="Image side in pixels.")
    sampling: Literal["resample", "extend"] = Field(
        "resample",
        description="What a larger image shows. `resample`: the same range of q on more pixels; "
        "`extend`: a wider range of q on pixels of the same size.",
    )
    features: tuple[str, ...] | None = Field(
        None, description="Names of the scattering features that may occur; null: all."
    )
    detectors: tuple[
        Literal["pilatus", "eiger", "ccd", "square", "neutron", "image plate"], ...
    ] = Field(
        ("pilatus", "eiger", "ccd", "square", "neutron", "image plate"),
        min_length=1,
        description="Detector layouts, in proportion to how common they are. `pilatus`: modules "
        "with gaps of 17 and 7 pixels; `eiger`: modules with gaps of 37 and 10 pixels; `ccd`: a "
        "CCD behind a taper; `square`: a square without gaps; `neutron`: few large pixels; "
        "`image plate`: a round one.",
    )
    mask: str | None = Field(
        None,
        description="File with a mask for all images, in addition to the gaps of the layout: .npy "
        "or a detector image, size × size, non-zero = not usable.",
    )
    masked_beamstop_fraction: Annotated[float, Field(ge=0, le=1)] = Field(
        0.0,
        description="Fraction of beamstops that are part of the mask, as in the frames of some "
        "beamlines. 0: the mask contains only gaps and dead pixels.",
    )
    exclude_kinds: tuple[str, ...] = Field(
        (),
        description="Kinds of instrument that are never drawn, such as `window: polygon`; the "
        "reference page of instruments names them all.",
    )
    require_kinds: tuple[str, ...] = Field(
        (),
        description="Kinds of instrument of which every experiment has at least one; none: no "
        "such condition.",
    )
