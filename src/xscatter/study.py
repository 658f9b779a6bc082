"""The typed description of a study: everything that decides what its files contain."""

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from xscatter.errors import UserError


class Section(BaseModel):
    """A part of the study file: unknown keys are refused, values never change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Simulate(Section):
    """Synthetic experiments."""

    experiments: Annotated[int, Field(ge=1, le=10_000_000)] = Field(40, description="Number of experiments.")
    images: Annotated[int, Field(ge=1, le=100_000)] = Field(200, description="Images in each experiment.")
    size: Annotated[int, Field(ge=32, le=8192)] = Field(256, description="Image side in pixels.")
    sampling: Literal["resample", "extend"] = Field(
        "resample",
        description="What a larger image shows: `resample`, the same range of q on more pixels; "
        "`extend`, pixels of the same size over a wider range of q.",
    )
    features: tuple[str, ...] | None = Field(
        None, description="Names of the scattering features that may occur; null: all of them."
    )


class Transform(Section):
    """The Fourier-Bessel expansion of every image."""

    angular_orders: Annotated[int, Field(ge=1, le=1024)] = Field(32, description="Angular orders, m = 0 .. n-1.")
    radial_orders: Annotated[int, Field(ge=1, le=1024)] = Field(32, description="Radial orders: zeros of J_m used.")
    radius: Annotated[float, Field(gt=0)] | None = Field(
        None, description="Radius of the disk in pixels, the same for all images; null: the image side."
    )
    boundary: Literal["dirichlet", "neumann"] = Field("dirichlet", description="Condition at the rim of the disk.")
    fill: Literal["zero", "ring-mean", "partner"] = Field("ring-mean", description="What replaces masked pixels.")
    counts: Literal["none", "log", "anscombe"] = Field(
        "log", description="Transform of the counts before the expansion: log(1 + n), or 2 sqrt(n + 3/8)."
    )
    tolerance: Annotated[float, Field(gt=0, lt=0.1)] = Field(5e-5, description="Relative error (L2) of the transform.")
    minimum_coverage: Annotated[float, Field(ge=0, le=1)] = Field(
        0.1, description="Least part of the disk that must lie on live pixels; the simulator stays above it."
    )


class Pack(Section):
    """Record batches."""

    batches: Annotated[int, Field(ge=2, le=1000)] = Field(10, description="Number of batches.")
    test_batch: Annotated[int, Field(ge=0)] = Field(9, description="The batch kept for the test; fixed once packed.")

    @model_validator(mode="after")
    def _test_batch_exists(self) -> "Pack":
        if self.test_batch >= self.batches:
            raise ValueError(f"test_batch {self.test_batch} is not among the batches 0 to {self.batches - 1}")
        return self


class Train(Section):
    """Training of the three networks."""

    threads: Annotated[int, Field(ge=1, le=1024)] = Field(
        1, description="Threads of one training; results are the same bit for bit only for the same number."
    )

    def decides(self, view: str) -> dict[str, Any]:
        """All that decides the training of `view`, besides the records."""
        return self.model_dump(mode="json")


class Walltime(Section):
    """How long a job may run on a cluster."""

    limit_hours: Annotated[float, Field(gt=0)] = Field(24.0, description="Longest walltime of a job, in hours.")


class Study(Section):
    """A study: one YAML file."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=80)] = Field(
        description="Name; everything is written below results/<name>/."
    )
    seed: Annotated[int, Field(ge=0, lt=2**63)] = Field(2017, description="The seed that all randomness derives from.")
    simulate: Simulate = Simulate()
    transform: Transform = Transform()
    pack: Pack = Pack()
    train: Train = Train()
    walltime: Walltime = Walltime()

    @property
    def radius(self) -> float:
        """Radius of the expansion's disk in pixels."""
        return float(self.transform.radius or self.simulate.size)

    def fingerprint(self, stage: Literal["simulate", "transform", "pack", "train"]) -> str:
        """Hash (16 hex digits) of all that decides the content of one unit of `stage`.

        The number of experiments is left out of the first two: adding experiments leaves
        those that exist as they are.
        """
        content: dict[str, Any] = {"seed": self.seed, "simulate": self.simulate.model_dump()}
        content["coverage"] = self.transform.minimum_coverage
        content["radius"] = self.radius
        if stage in ("simulate", "transform"):
            del content["simulate"]["experiments"]
        if stage != "simulate":
            content["transform"] = self.transform.model_dump()
        if stage in ("pack", "train"):
            content["pack"] = self.pack.model_dump()
        if stage == "train":
            content["train"] = self.train.model_dump()
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def load_study(path: str | Path) -> Study:
    """Read a study file.

    Raises:
        UserError: it cannot be read, or a key is unknown, of the wrong type or out of bounds.
    """
    try:
        content = yaml.safe_load(Path(path).read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from error
    except yaml.YAMLError as error:
        raise UserError(f"{path}: is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise UserError(f"{path}: is not a study: expected keys such as `name:` and `simulate:`")
    return parse_study(content, str(path))


def parse_study(content: dict[str, Any], origin: str = "study") -> Study:
    """Check `content` (as read from YAML) against the schema; `origin` names it in errors.

    Raises:
        UserError: a key is unknown, of the wrong type or out of bounds.
    """
    try:
        return Study.model_validate(content)
    except ValidationError as error:
        raise UserError(f"{origin}: " + "; ".join(map(_describe, error.errors()))) from error


def _describe(problem: Any) -> str:
    key = ".".join(str(part) for part in problem["loc"]) or "study"
    if problem["type"] == "extra_forbidden":
        return f"{key} is not a key of a study; remove it or correct its spelling"
    if problem["type"] == "missing":
        return f"{key} is missing; add it"
    message = problem["msg"].removeprefix("Value error, ")
    return f"{key}: {message[0].lower()}{message[1:]} (it is {problem['input']!r})" if key != "study" else message


def schema() -> str:
    """JSON schema of a study file."""
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return json.dumps(dialect | Study.model_json_schema(), indent=2) + "\n"


def dump_study(study: Study) -> str:
    """The resolved study as YAML, every key present."""
    return yaml.safe_dump(study.model_dump(), sort_keys=False)
