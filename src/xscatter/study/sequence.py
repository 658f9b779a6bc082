"""The section `sequence`: simulated sequences of frames in time."""

from typing import Annotated

from pydantic import Field

from xscatter.study.section import Section

# Sequence n has the instrument of experiment FIRST_SEQUENCE + n, beyond the bound of
# `simulate.experiments`: no network has seen an instrument that a sequence shows.
FIRST_SEQUENCE = 10_000_000


class Sequences(Section):
    """Sequences of frames in which processes happen: how many, how long, and which laws."""

    sequences: Annotated[int, Field(ge=0, le=1_000_000)] = Field(
        0, description="Number of sequences; 0: none."
    )
    frames: Annotated[int, Field(ge=8, le=100_000)] = Field(
        100, description="Number of frames in each sequence."
    )
    size: Annotated[int, Field(ge=32, le=8192)] | None = Field(
        None, description="Image side in pixels; null: that of `simulate.size`."
    )
    laws: tuple[str, ...] | None = Field(
        None, description="Names of the laws that samples may follow; null: all."
    )
    at_most: Annotated[int, Field(ge=1, le=4)] = Field(
        2, description="Largest number of processes of the sample in one sequence."
    )
