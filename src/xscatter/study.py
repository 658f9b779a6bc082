"""The typed description of a study: everything that decides what its files contain."""

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from xscatter.errors import UserError
from xscatter.learn import limits

# Raised by every change that makes other images, tags or coefficients from the same study, so that
# shards made before and after are never mixed.
PHYSICS = 5


class Section(BaseModel):
    """A part of the study file: unknown keys are refused, values never change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


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
    detectors: tuple[Literal["pilatus", "eiger", "ccd", "square"], ...] = Field(
        ("pilatus", "eiger", "ccd", "square"),
        min_length=1,
        description="Layouts of detectors, in equal parts: modules with gaps of 17 and 7 pixels, or of 37 and 10; "
        "a CCD behind a round aperture; a plain square.",
    )
    mask: str | None = Field(
        None,
        description="File of a mask for all images, beside the gaps of the layouts: .npy or a detector image, "
        "size × size, non-zero = not usable.",
    )
    masked_beamstops: Annotated[float, Field(ge=0, le=1)] = Field(
        0.0,
        description="Part of the beamstops that belong to the mask, as some beamlines deliver their frames; 0: the "
        "mask holds gaps and dead pixels only.",
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
        "anscombe", description="Transform of the counts before the expansion: log(1 + n), or 2 sqrt(n + 3/8)."
    )
    tolerance: Annotated[float, Field(gt=0, lt=0.1)] = Field(5e-5, description="Relative error (L2) of the transform.")
    minimum_coverage: Annotated[float, Field(ge=0, le=1)] = Field(
        0.03, description="Least part of the disk that must lie on live pixels; the simulator stays above it."
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


# Published values of 2017; steps per epoch and the end by eye are replaced by the rule of convergence.
_REPORT_2017 = {
    "image_network": "alexnet",
    "coefficient_network": "report-2017",
    "joint_network": "report-2017",
    "head": "dense",
    "image_input": "log-uint8",
    "coefficient_input": "sign-log",
    "augment": False,
    "shift": 14.5 / 256,
    "batch_size": 50,
    "optimizer": "momentum",
    "learning_rate": 0.01,
    "joint_learning_rate": 0.01,
    "weight_decay": 0.0,
    "warmup_steps": 0,
    "average": 0.9999,
    "loss": "cross-entropy",
    "drop_factor": 0.1,
}
# Keys that decide one view only; the joint network takes its branches as they were trained.
_IMAGE_KEYS = {"image_network", "head", "image_input"}
_COEFFICIENT_KEYS = {"coefficient_network", "coefficient_input"}
_JOINT_KEYS = {"joint_network", "joint_learning_rate"}
_OTHER_VIEWS = {
    "image": _COEFFICIENT_KEYS | _JOINT_KEYS,
    "coefficient": _IMAGE_KEYS | _JOINT_KEYS | {"shift"},
    "joint": _IMAGE_KEYS | _COEFFICIENT_KEYS | {"learning_rate"},
}


class Train(Section):
    """Training of the three networks."""

    preset: Literal["default", "report-2017"] = Field(
        "default",
        description="Values of all keys that are not given: `default`, or those that were published in 2017 "
        "(needs 21 angular and 40 radial orders; made for images of 256 pixels).",
    )
    image_network: Literal["compact", "alexnet", "vgg16"] = Field("compact", description="Network of the image view.")
    coefficient_network: Literal["compact", "report-2017"] = Field(
        "compact", description="Network of the coefficient view."
    )
    joint_network: Literal["residual", "report-2017"] = Field(
        "residual",
        description="Joint network: `residual`, the weighed logits of both trained views plus a correction that starts "
        "at zero; `report-2017`, new dense layers on the features of both.",
    )
    width: Annotated[float, Field(ge=0.05, le=8)] = Field(
        1.0, description="Factor on the number of channels of the networks."
    )
    head: Literal["pooling", "dense"] = Field(
        "pooling", description="What follows the convolutions of alexnet and vgg16: global pooling, or dense layers."
    )
    image_input: Literal["contrast", "anscombe", "log", "log-uint8"] = Field(
        "contrast",
        description="Channels made of the counts n: log(1 + n) standardised image by image, local contrast in units of "
        "the photon noise, and the mean level; 2 sqrt(n + 3/8); log(1 + n); or log(1 + n) in 256 steps, standardised "
        "image by image (2017).",
    )
    coefficient_input: Literal["magnitude", "real-imaginary", "mixed", "invariant", "sign-log"] = Field(
        "mixed",
        description="Channels made of the coefficients: log magnitude; real and imaginary part; both; log magnitude "
        "and relative phase of neighbouring radial orders, which no rotation changes; sign-log of both parts (2017).",
    )
    augment: bool = Field(True, description="Show each training image turned and mirrored at random, both views alike.")
    shift: Annotated[float, Field(ge=0, le=0.3)] = Field(
        0.0, description="Largest random shift of the training images, as a part of their side."
    )
    batch_size: Annotated[int, Field(ge=1, le=4096)] = Field(32, description="Records in a training step.")
    optimizer: Literal["adamw", "momentum"] = Field("adamw", description="AdamW, or descent with momentum 0.9.")
    learning_rate: Annotated[float, Field(gt=0, le=1)] = Field(2e-3, description="First learning rate.")
    joint_learning_rate: Annotated[float, Field(gt=0, le=1)] = Field(
        3e-4, description="First learning rate of the joint network, whose two branches are trained already."
    )
    weight_decay: Annotated[float, Field(ge=0, le=1)] = Field(0.02, description="Decoupled weight decay of AdamW.")
    warmup_steps: Annotated[int, Field(ge=0)] = Field(
        50, description="Steps over which the learning rate rises from zero."
    )
    average: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.99, description="Decay a step of the running average of the weights, which is what is scored and kept."
    )
    loss: Literal["cross-entropy", "asymmetric"] = Field(
        "cross-entropy", description="Mean over tags of binary cross-entropy, or of the asymmetric loss (2009.14119)."
    )
    positive_weight: Annotated[float, Field(ge=1, le=100)] = Field(
        1.0, description="Most that a rare tag's positive records may weigh; 1 weighs none of them."
    )
    validation: Annotated[float, Field(gt=0, lt=0.9)] = Field(
        0.15, description="Part of the training experiments that is kept back to watch the training and to calibrate."
    )
    round_steps: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Steps between two looks at the validation part; null: one pass over the data, at most 1000."
    )
    patience: Annotated[int, Field(ge=1)] = Field(
        6, description="Rounds without progress before the learning rate drops, and after the last drop the end."
    )
    overfitting_patience: Annotated[int, Field(ge=1)] = Field(
        15, description="Rounds without progress of the validation part, whatever the training loss does."
    )
    minimum_fall: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.005, description="Fall of the training loss that counts as progress, as a part of it."
    )
    minimum_gain: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.001,
        description="Gain in mean average precision of the validation part, over the best round before, that counts as "
        "progress; smaller gains do not add up.",
    )
    drops: Annotated[int, Field(ge=0, le=10)] = Field(1, description="How often the learning rate drops.")
    drop_factor: Annotated[float, Field(gt=0, lt=1)] = Field(0.2, description="Factor of each drop.")
    most_rounds: Annotated[int, Field(ge=1)] | None = Field(
        None,
        description="End after so many rounds, anew when data are added, even if the rule would go on; null: never.",
    )
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = Field(
        "float32", description="Number format of the layers; weights stay float32."
    )
    xla: bool = Field(False, description="Compile the training step with XLA.")
    devices: Annotated[int, Field(ge=1, le=64)] = Field(
        1, description="GPUs of one node that share each batch; 1 also means the CPU."
    )
    threads: Annotated[int, Field(ge=1, le=1024)] = Field(
        1, description="Threads of one training; results are the same bit for bit only for the same number."
    )
    checkpoint_minutes: Annotated[float, Field(ge=0)] = Field(
        5.0, description="Time between two saved training states within a round; one is saved after each round, too."
    )
    keep: Annotated[int, Field(ge=2, le=100)] = Field(2, description="Number of saved training states kept.")

    @model_validator(mode="before")
    @classmethod
    def _fill_preset(cls, keys: Any) -> Any:
        if isinstance(keys, dict) and keys.get("preset") == "report-2017":
            return {**_REPORT_2017, **keys}
        return keys

    def decides(self, view: str) -> dict[str, Any]:
        """All that decides the training of `view`, besides the records and, for `joint`, its branches."""
        never = {"threads", "checkpoint_minutes", "keep"}
        return self.model_dump(mode="json", exclude=never | _OTHER_VIEWS[view])


class Walltime(Section):
    """How long a job may run on a cluster; nothing here changes the content of any file."""

    limit_hours: Annotated[float, Field(gt=0)] = Field(24.0, description="Longest walltime of a job, in hours.")
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
        None, description="Walltime of one training job at every attempt, in hours; null: the limit."
    )
    training_legs: Annotated[int, Field(ge=1, le=1000)] = Field(
        1,
        description="Jobs in a row that one training may take; those that it does not need are instant.",
    )


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

    @model_validator(mode="after")
    def _networks_can_be(self) -> "Study":
        orders = (self.transform.angular_orders, self.transform.radial_orders)
        for refusal in (limits.refused_orders(self.train, orders), limits.refused_head(self.train, self.simulate.size)):
            if refusal:
                raise ValueError(refusal)
        return self

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
        content["physics"] = PHYSICS
        content["coverage"] = self.transform.minimum_coverage
        content["radius"] = self.radius
        if self.simulate.mask is not None:  # what it hides counts, not where it lies
            content["simulate"]["mask"] = _sha256(self.simulate.mask)
        if stage in ("simulate", "transform"):
            del content["simulate"]["experiments"]
        if stage != "simulate":
            content["transform"] = self.transform.model_dump()
        if stage in ("pack", "train"):
            content["pack"] = self.pack.model_dump()
        if stage == "train":
            content["train"] = self.train.model_dump()
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def _sha256(path: str) -> str:
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError as error:
        raise UserError(f"simulate.mask: {path} cannot be read ({error.strerror})") from error


def load_study(path: str | Path) -> Study:
    """Read a study file.

    Raises:
        UserError: it cannot be read or describes several studies; a key is unknown, of the wrong type or out of bounds.
    """
    content = read_yaml(path)
    if "sizes" in content:
        raise UserError(
            f"{path}: describes a study at several image sizes; `snakemake --configfile` runs it, and writes the "
            f"study.yaml of each member, results/{content.get('name')}/<mode>-<size>-<seed>/: name one of these"
        )
    return parse_study(content, str(path))


def read_yaml(path: str | Path) -> dict[str, Any]:
    """The keys of a YAML file.

    Raises:
        UserError: it cannot be read or holds no keys.
    """
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" (line {mark.line + 1}: {getattr(error, 'problem', '')})" if mark else ""
        raise UserError(f"{path}: is not YAML{place}") from error
    if not isinstance(content, dict):
        raise UserError(f"{path}: is not a study: expected keys such as `name:` and `simulate:`")
    return content


def parse_study(content: dict[str, Any], origin: str = "study") -> Study:
    """Check `content` (as read from YAML) against the schema; `origin` names it in errors.

    Raises:
        UserError: a key is unknown, of the wrong type or out of bounds.
    """
    try:
        return Study.model_validate(content)
    except ValidationError as error:
        raise UserError(f"{origin}: " + "; ".join(map(describe_problem, error.errors()))) from error


def describe_problem(problem: Any) -> str:
    """One refused key in words: where, what, how to mend it."""
    key = ".".join(str(part) for part in problem["loc"]) or "study"
    if problem["type"] == "extra_forbidden":
        return f"{key} is not a key of a study; remove it or correct its spelling"
    if problem["type"] == "missing":
        return f"{key} is missing; add it"
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "value_error":  # our own words name the values
        return message if key == "study" else f"{key}: {message}"
    return f"{key}: {message[0].lower()}{message[1:]} (it is {problem['input']!r})" if key != "study" else message


def schema() -> str:
    """JSON schema of a study file."""
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return json.dumps(dialect | Study.model_json_schema(), indent=2) + "\n"


def dump_study(study: Study) -> str:
    """The resolved study as YAML, every key present."""
    return yaml.safe_dump(study.model_dump(), sort_keys=False)
