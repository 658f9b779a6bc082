"""The typed description of a comparison of image sizes, which is expanded into ordinary studies."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, ValidationError, model_validator

from xscatter.core.errors import UserError
from xscatter.core.files import write_text
from xscatter.store.paths import ResolutionPaths
from xscatter.study import (
    Pack,
    Section,
    Simulate,
    Study,
    Train,
    Transform,
    Walltime,
    describe_problem,
    dump_study,
    read_yaml,
)

Mode = Literal["resample", "extend"]


class Base(Section):
    """The sections of a study that all members share."""

    simulate: Simulate = Simulate()
    transform: Transform = Transform()
    pack: Pack = Pack()
    train: Train = Train()
    walltime: Walltime = Walltime()


class Resolution(Section):
    """A comparison of image sizes: one ordinary study for every mode, size and seed."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=40)] = Field(
        description="Name of the comparison; all its files are in results/<name>/."
    )
    sizes: Annotated[tuple[int, ...], Field(min_length=2)] = Field(
        description="Image sides in pixels, in increasing order."
    )
    modes: Annotated[tuple[Mode, ...], Field(min_length=1)] = Field(
        ("resample", "extend"),
        description="Values of simulate.sampling: what a larger image shows.",
    )
    seeds: Annotated[tuple[int, ...], Field(min_length=1)] = Field(
        description="Each seed is a complete repetition: new experiments, a new split, new weights."
    )
    base: Base = Field(
        description="The sections of a study, without simulate.size and simulate.sampling."
    )

    @model_validator(mode="after")
    def _base_leaves_the_size_free(self) -> "Resolution":
        given = sorted(self.base.simulate.model_fields_set & {"size", "sampling", "mask"})
        if given:
            raise ValueError(f"base.simulate.{given[0]} would fix the image size; remove it")
        if self.base.transform.radius is not None:
            raise ValueError(
                "base.transform.radius is in pixels, whose number differs between sizes; remove it"
            )
        return self

    @model_validator(mode="after")
    def _budgets_are_equal(self) -> "Resolution":
        train = self.base.train
        if train.steps_per_epoch is None or train.max_epochs is None:
            raise ValueError(
                "base.train: steps_per_epoch and max_epochs are missing; give both, so that every "
                "network takes the same number of steps"
            )
        if min(train.patience, train.overfitting_patience) < train.max_epochs:
            raise ValueError(
                "base.train: some networks would stop before others; raise patience and "
                f"overfitting_patience to max_epochs ({train.max_epochs}) or more"
            )
        return self

    @model_validator(mode="after")
    def _lists_are_in_order(self) -> "Resolution":
        for key in ("sizes", "modes", "seeds"):
            if len(set(getattr(self, key))) != len(getattr(self, key)):
                raise ValueError(f"{key} has a value twice; remove one")
        if list(self.sizes) != sorted(self.sizes):
            raise ValueError("sizes must be in increasing order; sort them")
        for member in self.members():
            member.study  # noqa: B018 - fails here if a size or a seed is out of bounds
        return self

    def members(self) -> list["Member"]:
        """Return all members in order of mode, size and seed."""
        return [
            Member(self, mode, size, seed)
            for mode in self.modes
            for size in self.sizes
            for seed in self.seeds
        ]


@dataclass(frozen=True)
class Member:
    """One ordinary study of a comparison."""

    comparison: Resolution
    mode: Mode
    size: int
    seed: int

    @property
    def name(self) -> str:
        """Name of its folder."""
        return f"{self.mode}-{self.size}-{self.seed}"

    @property
    def study(self) -> Study:
        """The study of this member."""
        content = self.comparison.base.model_dump(mode="json", exclude_unset=True)
        content.setdefault("simulate", {}).update(size=self.size, sampling=self.mode)
        return Study.model_validate(
            {"name": f"{self.comparison.name}-{self.name}", "seed": self.seed, **content}
        )


def parse_resolution(content: dict[str, Any], origin: str = "study") -> Resolution:
    """Return the comparison that `content`, as read from YAML, describes; errors name `origin`.

    Raises:
        UserError: A key is unknown, of the wrong type or out of bounds, or the training budgets of
            the members would differ.
    """
    try:
        return Resolution.model_validate(content)
    except ValidationError as error:
        raise UserError(f"{origin}: " + "; ".join(map(describe_problem, error.errors()))) from error


def load_resolution(path: str | Path) -> Resolution:
    """Read the file of a comparison.

    Raises:
        UserError: It cannot be read, or it does not describe a comparison.
    """
    return parse_resolution(read_yaml(path), str(path))


def dump_resolution(comparison: Resolution) -> str:
    """Return the comparison as YAML, with the keys that were given."""
    return yaml.safe_dump(comparison.model_dump(mode="json", exclude_unset=True), sort_keys=False)


def expand(comparison: Resolution, paths: ResolutionPaths) -> None:
    """Write the comparison and the study file of every member; equal files are not touched.

    A file that is written again would look new to the workflow, which would run its jobs again.
    """
    texts = {paths.study: dump_resolution(comparison)}
    texts |= {
        paths.member(member.name).study: dump_study(member.study) for member in comparison.members()
    }
    for path, text in texts.items():
        if not path.exists() or path.read_text() != text:
            write_text(path, text)
