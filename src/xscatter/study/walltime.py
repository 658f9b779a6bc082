"""The section `walltime`: time limits of jobs."""

from typing import Annotated

from pydantic import Field

from xscatter.study.section import Section


class Walltime(Section):
    """Time limits of jobs on a cluster. They do not change the content of any file."""

    limit_hours: Annotated[float, Field(gt=0)] = Field(
        24.0, description="Longest walltime of a job, in hours."
    )
    safety: Annotated[float, Field(ge=1, le=10)] = Field(
        1.5,
        description="Requested walltime: the 95th percentile of the expected time, times this "
        "factor, times the number of the attempt (up to 4).",
    )
    rank_minutes: Annotated[float, Field(gt=0)] = Field(
        60.0,
        description="A transform that would take longer than this, in minutes, gets more MPI "
        "ranks.",
    )
    ranks: Annotated[int, Field(ge=1, le=4096)] | None = Field(
        None, description="Number of MPI ranks of one transform; null: chosen by `rank_minutes`."
    )
    training_hours: Annotated[float, Field(gt=0)] | None = Field(
        None,
        description="Walltime of each training job, in hours; null: `limit_hours`.",
    )
    training_legs: Annotated[int, Field(ge=1, le=1000)] = Field(
        1,
        description="Largest number of consecutive jobs for one training. Jobs that are not "
        "needed end at once.",
    )
