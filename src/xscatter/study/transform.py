"""The section `transform`: the Fourier-Bessel expansion."""

from typing import Annotated, Literal

from pydantic import Field

from xscatter.study.section import Section


class Transform(Section):
    """The Fourier-Bessel expansion of every image."""

    angular_orders: Annotated[int, Field(ge=1, le=1024)] = Field(
        32, description="Angular orders, m = 0 .. n-1."
    )
    radial_orders: Annotated[int, Field(ge=1, le=1024)] = Field(
        32, description="Radial orders: zeros of J_m used."
    )
    radius: Annotated[float, Field(gt=0)] | None = Field(
        None,
        description="Radius of the disk in pixels, the same for all images; null: the image side.",
    )
    boundary: Literal["dirichlet", "neumann"] = Field(
        "dirichlet", description="Condition at the rim of the disk."
    )
    fill: Literal["zero", "ring-mean", "partner"] = Field(
        "ring-mean", description="What replaces masked pixels."
    )
    counts: Literal["none", "log", "anscombe"] = Field(
        "anscombe",
        description="Transform of the counts before the expansion: log(1 + n), or 2 sqrt(n + 3/8).",
    )
    tolerance: Annotated[float, Field(gt=0, lt=0.1)] = Field(
        5e-5, description="Relative error (L2) of the transform."
    )
    minimum_coverage: Annotated[float, Field(ge=0, le=1)] = Field(
        0.03,
        description="Least part of the disk that must lie on live pixels; the simulator stays above it.",
    )
