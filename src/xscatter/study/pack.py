"""The section `pack`: the record batches."""

from typing import Annotated

from pydantic import Field, model_validator

from xscatter.study.section import Section


class Pack(Section):
    """Record batches for training and test."""

    batches: Annotated[int, Field(ge=2, le=1000)] = Field(10, description="Number of batches.")
    test_batch: Annotated[int, Field(ge=0)] = Field(
        9,
        description="Number of the batch that is the test set. It cannot change once the batches "
        "are written.",
    )

    @model_validator(mode="after")
    def _test_batch_exists(self) -> "Pack":
        if self.test_batch >= self.batches:
            raise ValueError(
                f"test_batch {self.test_batch} is not among the batches 0 to {self.batches - 1}"
            )
        return self
