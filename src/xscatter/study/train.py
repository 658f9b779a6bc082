"""The section `train`: the networks and how they are trained."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from xscatter.study.section import Section
from xscatter.views import keys_of_others

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


class Train(Section):
    """Training of the three networks."""

    preset: Literal["default", "report-2017"] = Field(
        "default",
        description="Values of all keys that are not given: `default`, or those that were published in 2017 "
        "(needs 21 angular and 40 radial orders; made for images of 256 pixels).",
    )
    image_network: Literal["compact", "alexnet", "vgg16"] = Field(
        "compact", description="Network of the image view."
    )
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
        "pooling",
        description="What follows the convolutions of alexnet and vgg16: global pooling, or dense layers.",
    )
    image_input: Literal["contrast", "anscombe", "log", "log-uint8"] = Field(
        "contrast",
        description="Channels made of the counts n: log(1 + n) standardised image by image, local contrast in units of "
        "the photon noise, and the mean level; 2 sqrt(n + 3/8); log(1 + n); or log(1 + n) in 256 steps, standardised "
        "image by image (2017).",
    )
    coefficient_input: Literal["magnitude", "real-imaginary", "mixed", "invariant", "sign-log"] = (
        Field(
            "mixed",
            description="Channels made of the coefficients: log magnitude; real and imaginary part; both; log magnitude "
            "and relative phase of neighbouring radial orders, which no rotation changes; sign-log of both parts (2017).",
        )
    )
    augment: bool = Field(
        True,
        description="Show each training image turned and mirrored at random, both views alike.",
    )
    shift: Annotated[float, Field(ge=0, le=0.3)] = Field(
        0.0, description="Largest random shift of the training images, as a part of their side."
    )
    batch_size: Annotated[int, Field(ge=1, le=4096)] = Field(
        32, description="Records in a training step."
    )
    optimizer: Literal["adamw", "momentum"] = Field(
        "adamw", description="AdamW, or descent with momentum 0.9."
    )
    learning_rate: Annotated[float, Field(gt=0, le=1)] = Field(
        2e-3, description="First learning rate."
    )
    joint_learning_rate: Annotated[float, Field(gt=0, le=1)] = Field(
        3e-4,
        description="First learning rate of the joint network, whose two branches are trained already.",
    )
    weight_decay: Annotated[float, Field(ge=0, le=1)] = Field(
        0.02, description="Decoupled weight decay of AdamW."
    )
    warmup_steps: Annotated[int, Field(ge=0)] = Field(
        50, description="Steps over which the learning rate rises from zero."
    )
    average: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.99,
        description="Decay a step of the running average of the weights, which is what is scored and kept.",
    )
    loss: Literal["cross-entropy", "asymmetric"] = Field(
        "cross-entropy",
        description="Mean over tags of binary cross-entropy, or of the asymmetric loss (2009.14119).",
    )
    positive_weight: Annotated[float, Field(ge=1, le=100)] = Field(
        1.0, description="Most that a rare tag's positive records may weigh; 1 weighs none of them."
    )
    validation: Annotated[float, Field(gt=0, lt=0.9)] = Field(
        0.15,
        description="Part of the training experiments that is kept back to watch the training and to calibrate.",
    )
    round_steps: Annotated[int, Field(ge=1)] | None = Field(
        None,
        description="Steps between two looks at the validation part; null: one pass over the data, at most 1000.",
    )
    patience: Annotated[int, Field(ge=1)] = Field(
        6,
        description="Rounds without progress before the learning rate drops, and after the last drop the end.",
    )
    overfitting_patience: Annotated[int, Field(ge=1)] = Field(
        15,
        description="Rounds without progress of the validation part, whatever the training loss does.",
    )
    minimum_fall: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.005, description="Fall of the training loss that counts as progress, as a part of it."
    )
    minimum_gain: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.001,
        description="Gain in mean average precision of the validation part, over the best round before, that counts as "
        "progress; smaller gains do not add up.",
    )
    drops: Annotated[int, Field(ge=0, le=10)] = Field(
        1, description="How often the learning rate drops."
    )
    drop_factor: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.2, description="Factor of each drop."
    )
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
        1,
        description="Threads of one training; results are the same bit for bit only for the same number.",
    )
    checkpoint_minutes: Annotated[float, Field(ge=0)] = Field(
        5.0,
        description="Time between two saved training states within a round; one is saved after each round, too.",
    )
    keep: Annotated[int, Field(ge=2, le=100)] = Field(
        2, description="Number of saved training states kept."
    )

    @model_validator(mode="before")
    @classmethod
    def _fill_preset(cls, keys: Any) -> Any:
        if isinstance(keys, dict) and keys.get("preset") == "report-2017":
            return {**_REPORT_2017, **keys}
        return keys

    def decides(self, view: str) -> dict[str, Any]:
        """All that decides the training of `view`, besides the records and, for `joint`, its branches."""
        never = {"threads", "checkpoint_minutes", "keep"}
        return self.model_dump(mode="json", exclude=never | keys_of_others(view))
