"""The section `transform`: the Fourier-Bessel expansion."""

from typing import Annotated, Literal

from pydantic import Field

from xscatter.study.section import Section


class Transform(Section):
    """Fourier-Bessel expansion of every image."""

    angular_orders: Annotated[int, Field(ge=1, le=1024)] = Field(
        32, description="Number of angular orders, m = 0 .. n-1."
    )
    radial_orders: Annotated[int, Field(ge=1, le=1024)] = Field(
        32, description="Number of radial orders: zeros of J_m."
    )
    radius: Annotated[float, Field(gt=0)] | None = Field(
        None,
        description="Radius of the disk in pixels, the same for all images; null: the image side.",
    )
    boundary: Literal["dirichlet", "neumann"] = Field(
        "dirichlet",
        description="Boundary condition at the edge of the disk: the value (`dirichlet`) or the "
        "slope (`neumann`) is zero.",
    )
    fill: Literal["zero", "ring-mean", "partner"] = Field(
        "ring-mean",
        description="Values that replace masked pixels. `zero`; `ring-mean`: the mean of the "
        "pixels at the same radius; `partner`: the pixel opposite the beam centre "
        "where it is live, else the mean.",
    )
    counts: Literal["none", "log", "anscombe"] = Field(
        "anscombe",
        description="Transform of the counts n before the expansion. `log`: log(1 + n); "
        "`anscombe`: 2 sqrt(n + 3/8); `none`: n.",
    )
    centers: Literal["exact", "estimated"] = Field(
        "exact",
        description="Beam centre of each experiment's expansion. `exact`: the true one; "
        "`estimated`: as it is known in use, from a header in half of the experiments, "
        "estimated from one of the images in the others; the joint network then sees how "
        "certain it is.",
    )
    tolerance: Annotated[float, Field(gt=0, lt=0.1)] = Field(
        5e-5, description="Relative error of the transform (L2 norm)."
    )
    minimum_coverage: Annotated[float, Field(ge=0, le=1)] = Field(
        0.03,
        description="Smallest fraction of the disk that must be on live pixels. Simulated "
        "experiments always exceed it.",
    )
