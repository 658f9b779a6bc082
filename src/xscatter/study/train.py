"""The section `train`: the networks and how they are trained."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from xscatter.study.renamed import as_fingerprinted
from xscatter.study.section import Section
from xscatter.views import View, keys_of_others

# Values published in 2017. The number of steps, which was chosen by eye then, follows from the rule
# of convergence.
_REPORT_2017 = {
    "image_network": "alexnet",
    "coefficient_network": "report-2017",
    "joint_network": "report-2017",
    "head": "dense",
    "image_input": "log-uint8",
    "coefficient_input": "sign-log",
    "augment": False,
    "max_shift": 14.5 / 256,
    "batch_size": 50,
    "optimizer": "momentum",
    "learning_rate": 0.01,
    "joint_learning_rate": 0.01,
    "weight_decay": 0.0,
    "warmup_steps": 0,
    "average_decay": 0.9999,
    "loss": "cross-entropy",
    "learning_rate_drop_factor": 0.1,
}


class Train(Section):
    """The networks and their training."""

    preset: Literal["default", "report-2017"] = Field(
        "default",
        description="Values of all keys that are not given: `default`, or `report-2017` for the "
        "values published in 2017 (needs 21 angular and 40 radial orders; made for "
        "images of 256 pixels).",
    )
    image_network: Literal["compact", "alexnet", "vgg16"] = Field(
        "compact", description="Network of the image view."
    )
    coefficient_network: Literal["compact", "report-2017"] = Field(
        "compact", description="Network of the coefficient view."
    )
    joint_network: Literal["residual", "report-2017"] = Field(
        "residual",
        description="Joint network. `residual`: the weighted logits of the two trained networks "
        "plus a correction that starts at zero; `report-2017`: new dense layers on "
        "the features of both.",
    )
    width: Annotated[float, Field(ge=0.05, le=8)] = Field(
        1.0, description="Factor for the number of channels of the networks."
    )
    head: Literal["pooling", "dense"] = Field(
        "pooling",
        description="Layers after the convolutions of alexnet and vgg16: global pooling or dense "
        "layers.",
    )
    image_input: Literal["contrast", "anscombe", "log", "log-uint8"] = Field(
        "contrast",
        description="Input channels of the image network, from the counts n. `contrast`: log(1 + "
        "n) standardised for each image, local contrast in units of the photon noise, "
        "and the mean level; `anscombe`: 2 sqrt(n + 3/8); `log`: log(1 + n); "
        "`log-uint8`: log(1 + n) in 256 steps, standardised for each image (2017).",
    )
    coefficient_input: Literal["magnitude", "real-imaginary", "mixed", "invariant", "sign-log"] = (
        Field(
            "mixed",
            description="Input channels of the coefficient network. `magnitude`: log magnitude; "
            "`real-imaginary`: real and imaginary part; `mixed`: both; `invariant`: log "
            "magnitude and relative phase of neighbouring radial orders, which do not "
            "change when the image is rotated; `sign-log`: sign-log of real and imaginary "
            "part (2017).",
        )
    )
    augment: bool = Field(
        True,
        description="Rotate and mirror each training image at random, in the same way for both "
        "views.",
    )
    max_shift: Annotated[float, Field(ge=0, le=0.3)] = Field(
        0.0, description="Largest random shift of training images, as a fraction of the image side."
    )
    batch_size: Annotated[int, Field(ge=1, le=4096)] = Field(
        32, description="Number of records in a training step."
    )
    optimizer: Literal["adamw", "momentum"] = Field(
        "adamw", description="AdamW, or gradient descent with momentum 0.9."
    )
    learning_rate: Annotated[float, Field(gt=0, le=1)] = Field(
        2e-3, description="Initial learning rate of the image and the coefficient network."
    )
    joint_learning_rate: Annotated[float, Field(gt=0, le=1)] = Field(
        3e-4,
        description="Initial learning rate of the joint network, whose two branches are already "
        "trained.",
    )
    weight_decay: Annotated[float, Field(ge=0, le=1)] = Field(
        0.02, description="Decoupled weight decay of AdamW."
    )
    warmup_steps: Annotated[int, Field(ge=0)] = Field(
        50, description="Number of steps in which the learning rate increases from zero."
    )
    average_decay: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.99,
        description="Decay per step of the moving average of the weights. The averaged weights "
        "are evaluated and kept.",
    )
    loss: Literal["cross-entropy", "asymmetric"] = Field(
        "cross-entropy",
        description="Loss, averaged over tags: binary cross-entropy, or the asymmetric loss "
        "(arXiv:2009.14119).",
    )
    max_positive_weight: Annotated[float, Field(ge=1, le=100)] = Field(
        1.0,
        description="Upper limit of the loss weight of a rare tag's positives; 1 turns weighting "
        "off.",
    )
    validation_fraction: Annotated[float, Field(gt=0, lt=0.9)] = Field(
        0.15,
        description="Fraction of the training experiments that form the validation set, used to "
        "follow the training and to calibrate.",
    )
    validation_set: Literal["random", "unfamiliar"] = Field(
        "random",
        description="Experiments of the validation set. `random`: drawn one by one; `unfamiliar`: "
        "all that carry certain kinds of instrument, which the training set then "
        "never sees, so that thresholds and probabilities hold for new instruments.",
    )
    view_dropout: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.0,
        description="Fraction of training records for which the joint network gets the beam centre "
        "as unknown, so that it learns to rely on the image alone; needs `centers: "
        "estimated`.",
    )
    steps_per_epoch: Annotated[int, Field(ge=1)] | None = Field(
        None,
        description="Number of training steps in an epoch, after which the network is evaluated on "
        "the validation set; null: one pass over the training set, at most 1000 "
        "steps.",
    )
    schedule: Literal["plateau", "cosine"] = Field(
        "plateau",
        description="Learning rate, and end of the training. `plateau`: the rate drops and the "
        "training ends when there is no more progress; `cosine`: the rate falls along a "
        "cosine to zero over `max_epochs`.",
    )
    patience: Annotated[int, Field(ge=1)] = Field(
        6,
        description="Number of epochs without progress after which the learning rate drops, or "
        "the training stops after the last drop.",
    )
    overfitting_patience: Annotated[int, Field(ge=1)] = Field(
        15,
        description="Number of epochs without progress on the validation set after which the same "
        "happens, even if the training loss still falls.",
    )
    min_loss_decrease: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.005, description="Relative decrease of the training loss that counts as progress."
    )
    min_precision_gain: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.001,
        description="Increase of the mean average precision on the validation set, over the best "
        "earlier epoch, that counts as progress. Smaller increases do not add up.",
    )
    learning_rate_drops: Annotated[int, Field(ge=0, le=10)] = Field(
        1, description="Number of times the learning rate drops."
    )
    learning_rate_drop_factor: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.2, description="Factor for the learning rate at each drop."
    )
    max_epochs: Annotated[int, Field(ge=1)] | None = Field(
        None,
        description="Largest number of epochs, counted again when data are added; null: no limit.",
    )
    joint_max_epochs: Annotated[int, Field(ge=1)] | None = Field(
        None, description="The same for the joint network; null: as `max_epochs`."
    )
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = Field(
        "float32", description="Number format of the layers; the weights are always float32."
    )
    xla: bool = Field(False, description="Compile the training step with XLA.")
    devices: Annotated[int, Field(ge=1, le=64)] = Field(
        1, description="Number of GPUs of one node that share each batch; 1 also means the CPU."
    )
    threads: Annotated[int, Field(ge=1, le=1024)] = Field(
        1,
        description="Number of CPU threads of a training. Results are identical only for the same "
        "number.",
    )
    checkpoint_minutes: Annotated[float, Field(ge=0)] = Field(
        5.0,
        description="Minutes between two checkpoints within an epoch; there is also one after each "
        "epoch.",
    )
    checkpoints_kept: Annotated[int, Field(ge=2, le=100)] = Field(
        2, description="Number of checkpoints kept."
    )

    @model_validator(mode="before")
    @classmethod
    def _fill_preset(cls, keys: Any) -> Any:
        if isinstance(keys, dict) and keys.get("preset") == "report-2017":
            return {**_REPORT_2017, **keys}
        return keys

    @model_validator(mode="after")
    def _cosine_has_an_end(self) -> "Train":
        if self.schedule == "cosine" and self.max_epochs is None:
            raise ValueError(
                "schedule: cosine needs max_epochs, the number of epochs of the training"
            )
        return self

    def of(self, view: View) -> "Train":
        """Return the keys with the number of epochs of the training of `view`."""
        epochs = getattr(self, view.epochs) or self.max_epochs
        return self.model_copy(update={"max_epochs": epochs})

    def decides(self, view: str) -> dict[str, Any]:
        """Return what decides the training of `view` besides records and parents, to be hashed."""
        never = {"threads", "checkpoint_minutes", "checkpoints_kept"}
        keys = self.model_dump(mode="json", exclude=never | keys_of_others(view))
        return as_fingerprinted("train", keys)
