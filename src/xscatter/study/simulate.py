"""The section `simulate`: which images are made."""

from typing import Annotated, Literal

from pydantic import Field

from xscatter.study.section import Section


class Simulate(Section):
    """Synthetic experiments."""

    experiments: Annotated[int, Field(ge=1, le=10_000_000)] = Field(
        40, description="Number of experiments."
    )
    images: Annotated[int, Field(ge=1, le=100_000)] = Field(
        200, description="Images in each experiment."
    )
    size: Annotated[int, Field(ge=32, le=8192)] = Field(256, description="Image side in pixels.")
    sampling: Literal["resample", "extend"] = Field(
        "resample",
        description="What a larger image shows: `resample`, the same range of q on more pixels; "
        "`extend`, pixels of the same size over a wider range of q.",
    )
    features: tuple[str, ...] | None = Field(
        None, description="Names of the scattering features that may occur; null: all of them."
    )
    detectors: tuple[Literal["pilatus", "eiger", "ccd", "square"], ...] = Field(
        ("pilatus", "eiger", "ccd", "square"),
        min_length=1,
        description="Layouts of detectors, in equal parts: modules with gaps of 17 and 7 pixels, or of 37 and 10; "
        "a CCD behind a round aperture; a plain square.",
    )
    mask: str | None = Field(
        None,
        description="File of a mask for all images, beside the gaps of the layouts: .npy or a detector image, "
        "size × size, non-zero = not usable.",
    )
    masked_beamstops: Annotated[float, Field(ge=0, le=1)] = Field(
        0.0,
        description="Part of the beamstops that belong to the mask, as some beamlines deliver their frames; 0: the "
        "mask holds gaps and dead pixels only.",
    )
