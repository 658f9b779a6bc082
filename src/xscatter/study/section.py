"""The base class of all sections of the study file."""

from typing import Any

from pydantic import BaseModel, ConfigDict


def _without_examples(schema: dict[str, Any]) -> None:
    """Keep the first paragraph of a docstring as the description in the JSON schema."""
    schema["description"] = schema["description"].partition("\n\n")[0]


class Section(BaseModel):
    """A section of the study file. Unknown keys are errors; values never change after loading."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, json_schema_extra=_without_examples
    )
