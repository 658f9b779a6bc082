"""The section `sequence`: simulated sequences of frames in time."""

from typing import Annotated, Any

from pydantic import Field

from xscatter.study.section import Section

# Sequence n has the instrument of experiment FIRST_SEQUENCE + n, beyond the bound of
# `simulate.experiments`: no network has seen an instrument that a sequence shows.
FIRST_SEQUENCE = 10_000_000

# Steps between two looks at the validation set: sequences are few, and each is another one in every
# pass.
EPOCH_STEPS = 50
# Keys that decide nothing about the frames.
TRAINING = ("width", "batch_size", "window", "learning_rate", "max_epochs")


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
    width: Annotated[float, Field(ge=0.1, le=8)] = Field(
        1.0, description="Factor for the number of channels of the temporal network."
    )
    batch_size: Annotated[int, Field(ge=1, le=1024)] = Field(
        16, description="Number of sequences in a training step of the temporal network."
    )
    window: Annotated[int, Field(ge=8, le=4096)] = Field(
        128, description="Largest number of frames of a sequence in a training step."
    )
    learning_rate: Annotated[float, Field(gt=0, le=1)] = Field(
        3e-3, description="Initial learning rate of the temporal network."
    )
    max_epochs: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Largest number of epochs of the temporal network; null: no limit."
    )

    def training(self) -> dict[str, Any]:
        """Return the keys of the temporal network and its training; no frame depends on them."""
        return self.model_dump(include=set(TRAINING))
