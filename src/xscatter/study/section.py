"""What all sections of the study file have in common."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A section of the study file: unknown keys are refused, values never change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
