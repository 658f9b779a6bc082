"""The typed description of a study of studies: one base, expanded into ordinary studies."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, ValidationError, model_validator

from xscatter.core.errors import UserError
from xscatter.core.files import write_text
from xscatter.store.paths import ResolutionPaths
from xscatter.study import (  # fmt: skip
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
    """What all members share: the sections of a study."""

    simulate: Simulate = Simulate()
    transform: Transform = Transform()
    pack: Pack = Pack()
    train: Train = Train()
    walltime: Walltime = Walltime()


class Resolution(Section):
    """A study of studies: every member is `base` with one of `modes`, one of `sizes` and one of `seeds`."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=40)] = Field(
        description="Name; everything is written below results/<name>/."
    )
    sizes: Annotated[tuple[int, ...], Field(min_length=2)] = Field(
        description="Image sides in pixels, rising."
    )
    modes: Annotated[tuple[Mode, ...], Field(min_length=1)] = Field(
        ("resample", "extend"),
        description="What a larger image shows; as simulate.sampling of a study.",
    )
    seeds: Annotated[tuple[int, ...], Field(min_length=1)] = Field(
        description="One whole repetition each: new experiments, a new split, new weights."
    )
    base: Base = Field(description="The sections of a study, without size and sampling.")

    @model_validator(mode="after")
    def _base_leaves_the_size_free(self) -> "Resolution":
        given = sorted(self.base.simulate.model_fields_set & {"size", "sampling", "mask"})
        if given:
            raise ValueError(f"base.simulate.{given[0]} belongs to a single size; remove it")
        if self.base.transform.radius is not None:
            raise ValueError(
                "base.transform.radius is in pixels, which differ between sizes; remove it"
            )
        return self

    @model_validator(mode="after")
    def _all_train_equally_long(self) -> "Resolution":
        train = self.base.train
        if train.round_steps is None or train.most_rounds is None:
            raise ValueError(
                "base.train: give round_steps and most_rounds, the steps that every network takes"
            )
        if min(train.patience, train.overfitting_patience) < train.most_rounds:
            raise ValueError(
                f"base.train: patience and overfitting_patience must be at least most_rounds ({train.most_rounds}), or "
                "some networks would end before others; raise them"
            )
        return self

    @model_validator(mode="after")
    def _lists_are_in_order(self) -> "Resolution":
        for key in ("sizes", "modes", "seeds"):
            if len(set(getattr(self, key))) != len(getattr(self, key)):
                raise ValueError(f"{key} names something twice; remove it")
        if list(self.sizes) != sorted(self.sizes):
            raise ValueError("sizes must rise")
        for member in self.members():
            member.study  # noqa: B018 - refused here when a size or a seed is out of bounds
        return self

    def members(self) -> list["Member"]:
        """Every member, in order of mode, size and seed."""
        return [
            Member(self, mode, size, seed)
            for mode in self.modes
            for size in self.sizes
            for seed in self.seeds
        ]


@dataclass(frozen=True)
class Member:
    """One ordinary study of a study of studies."""

    whole: Resolution
    mode: Mode
    size: int
    seed: int

    @property
    def name(self) -> str:
        """Name of its folder."""
        return f"{self.mode}-{self.size}-{self.seed}"

    @property
    def study(self) -> Study:
        """The study, as its own file would describe it."""
        content = self.whole.base.model_dump(mode="json", exclude_unset=True)
        content.setdefault("simulate", {}).update(size=self.size, sampling=self.mode)
        return Study.model_validate(
            {"name": f"{self.whole.name}-{self.name}", "seed": self.seed, **content}
        )


def parse_resolution(content: dict[str, Any], origin: str = "study") -> Resolution:
    """Check `content` (as read from YAML); `origin` names it in errors.

    Raises:
        UserError: a key is unknown, of the wrong type or out of bounds, or the budgets would differ.
    """
    try:
        return Resolution.model_validate(content)
    except ValidationError as error:
        raise UserError(f"{origin}: " + "; ".join(map(describe_problem, error.errors()))) from error


def load_resolution(path: str | Path) -> Resolution:
    """Read the file of a study of studies.

    Raises:
        UserError: it cannot be read or is not one.
    """
    return parse_resolution(read_yaml(path), str(path))


def dump_resolution(whole: Resolution) -> str:
    """As YAML, with the keys that were given."""
    return yaml.safe_dump(whole.model_dump(mode="json", exclude_unset=True), sort_keys=False)


def expand(whole: Resolution, paths: ResolutionPaths) -> None:
    """Write the description itself and the study file of every member; what is there already stays untouched."""
    texts = {paths.study: dump_resolution(whole)}
    texts |= {
        paths.member(member.name).study: dump_study(member.study) for member in whole.members()
    }
    for path, text in texts.items():
        if not path.exists() or path.read_text() != text:
            write_text(path, text)
