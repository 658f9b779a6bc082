"""The section `walltime`: how long jobs may run."""

from typing import Annotated

from pydantic import Field

from xscatter.study.section import Section


class Walltime(Section):
    """How long a job may run on a cluster; nothing here changes the content of any file."""

    limit_hours: Annotated[float, Field(gt=0)] = Field(
        24.0, description="Longest walltime of a job, in hours."
    )
    safety: Annotated[float, Field(ge=1, le=10)] = Field(
        1.5,
        description="Requested walltime: this times the 95th percentile, times the number of the attempt (at most 4).",
    )
    rank_minutes: Annotated[float, Field(gt=0)] = Field(
        60.0, description="A transform that would take longer than this gets more MPI ranks."
    )
    ranks: Annotated[int, Field(ge=1, le=4096)] | None = Field(
        None, description="MPI ranks of one transform; null: by `rank_minutes`."
    )
    training_hours: Annotated[float, Field(gt=0)] | None = Field(
        None,
        description="Walltime of one training job at every attempt, in hours; null: the limit.",
    )
    training_legs: Annotated[int, Field(ge=1, le=1000)] = Field(
        1,
        description="Jobs in a row that one training may take; those that it does not need are instant.",
    )
