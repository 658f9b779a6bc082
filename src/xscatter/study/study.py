"""The typed description of a study: everything that decides the content of its files."""

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, model_validator

from xscatter.core.errors import UserError
from xscatter.study import networks
from xscatter.study.pack import Pack
from xscatter.study.renamed import as_fingerprinted
from xscatter.study.section import Section
from xscatter.study.sequence import EPOCH_STEPS, TRAINING, Sequences
from xscatter.study.simulate import Simulate
from xscatter.study.train import Train
from xscatter.study.transform import Transform
from xscatter.study.walltime import Walltime
from xscatter.views import SEQUENCE, View

# Increased by every change that makes other images, tags or coefficients from the same study, so
# that files made before and after are never mixed.
PHYSICS = 7

Stage = Literal["simulate", "transform", "pack", "train", "sequence"]
STAGES: tuple[Stage, ...] = get_args(Stage)


class Study(Section):
    """Everything that decides the content of the files of a study; read from one YAML file.

    Sections and keys that are not given have their defaults. Values never change after loading.

    Example:
        >>> from xscatter import Study
        >>> study = Study(name="small", simulate={"experiments": 4, "size": 128})
        >>> study.simulate.images, study.radius
        (200, 128.0)
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=80)] = Field(
        description="Name of the study; all its files are in results/<name>/."
    )
    seed: Annotated[int, Field(ge=0, lt=2**63)] = Field(
        2017, description="Seed of all random numbers."
    )
    simulate: Simulate = Simulate()
    sequence: Sequences = Sequences()
    transform: Transform = Transform()
    pack: Pack = Pack()
    train: Train = Train()
    walltime: Walltime = Walltime()

    @model_validator(mode="after")
    def _networks_are_possible(self) -> "Study":
        orders = (self.transform.angular_orders, self.transform.radial_orders)
        for problem in (
            networks.refused_orders(self.train, orders),
            networks.refused_head(self.train, self.simulate.size),
        ):
            if problem:
                raise ValueError(problem)
        return self

    @property
    def radius(self) -> float:
        """Radius of the disk of the expansion, in pixels."""
        return float(self.transform.radius or self.simulate.size)

    def train_of(self, view: View) -> Train:
        """Return the keys of the training of `view`, those of the temporal network included."""
        if view == SEQUENCE:
            own = {**self.sequence.training(), "steps_per_epoch": EPOCH_STEPS}
            del own["window"]
            own |= {"schedule": "plateau", "precision": "float32"}
            return self.train.model_copy(update=own)
        return self.train.of(view)

    def decides(self, view: View) -> dict[str, Any]:
        """Return what decides the training of `view` besides its data and parents, to be hashed."""
        if view == SEQUENCE:
            own = self.train_of(view).decides(view.name)
            return own | {"window": self.sequence.window}
        return self.train.decides(view.name)

    def fingerprint(self, stage: Stage) -> str:
        """Return a hash (16 hex digits) of all that decides the files of `stage`.

        For "simulate", "transform" and "sequence" it does not depend on the number of experiments
        or sequences, because existing ones do not change when others are added.
        """
        simulate = as_fingerprinted("simulate", self.simulate.model_dump())
        content: dict[str, Any] = {"seed": self.seed, "simulate": simulate}
        content["physics"] = PHYSICS
        content["coverage"] = self.transform.minimum_coverage
        content["radius"] = self.radius
        if self.simulate.mask is not None:  # its content matters, not its name
            content["simulate"]["mask"] = _sha256(self.simulate.mask)
        if stage in ("simulate", "transform", "sequence"):
            del content["simulate"]["experiments"]
        if stage == "sequence":
            content["sequence"] = self.sequence.model_dump(exclude={"sequences", *TRAINING})
        elif stage != "simulate":
            content["transform"] = as_fingerprinted("transform", self.transform.model_dump())
        if stage in ("pack", "train"):
            content["pack"] = self.pack.model_dump()
        if stage == "train":
            content["train"] = as_fingerprinted("train", self.train.model_dump())
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def _sha256(path: str) -> str:
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError as error:
        raise UserError(f"simulate.mask: {path} cannot be read ({error.strerror})") from error
