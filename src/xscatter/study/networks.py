"""What each network is: one table for validation, cost and the functions that build the networks.

To add a network, add an entry here, its name to the choices of the section `train`, and the
function that builds it to `xscatter.networks.models`; a test compares the three.
"""

from collections.abc import Callable
from dataclasses import dataclass

from xscatter.study.train import Train
from xscatter.views import VIEWS

MAX_DENSE_WEIGHTS = 6e8  # of a dense head: 9 GiB with its gradients and moments


@dataclass(frozen=True)
class ImageNetwork:
    """A network of the image view.

    Attributes:
        millions: weights at width 1 with global pooling, in millions.
        channels: of its convolutions, stage by stage, at width 1.
        units: of each of the two layers of its dense head, at width 1; 0: it has none.
        last_side: from the side of the image to that of the last feature map, in pixels.
    """

    millions: float
    channels: tuple[int, ...]
    units: int = 0
    last_side: Callable[[int], int] | None = None

    def dense_weights(self, side: int, width: float = 1.0) -> int:
        """Return the weights of the dense head on images of `side` pixels; 0 without a head."""
        if self.last_side is None:
            return 0
        units, channels = int(self.units * width), scaled(self.channels[-1], width)
        return self.last_side(side) ** 2 * channels * units + units * units


@dataclass(frozen=True)
class CoefficientNetwork:
    """A network of the coefficient view.

    Attributes:
        millions: weights at width 1, in millions.
        channels: of its convolutions at width 1.
        orders: angular and radial orders that it needs; None: any number.
    """

    millions: float
    channels: tuple[int, ...]
    orders: tuple[int, int] | None = None


@dataclass(frozen=True)
class JointNetwork:
    """A network on two trained branches.

    Attributes:
        layer: the layer of each branch whose output it takes.
        units: of its dense layers at width 1.
    """

    layer: str
    units: int


def alexnet_crop(side: int) -> int:
    """Return how many pixels of `side` AlexNet cuts off: 29 of 256, so that 227 remain."""
    return round(side * 29 / 256)


def _alexnet_side(side: int) -> int:
    left = side - alexnet_crop(side)
    for stride in (4, 2, 2, 2):  # the first convolution and three poolings, padded
        left = -(-left // stride)
    return left


def _vgg16_side(side: int) -> int:
    return side // 32  # five poolings of 2, not padded


IMAGE = {
    "compact": ImageNetwork(0.52, (32, 64, 128)),
    "alexnet": ImageNetwork(2.7, (96, 192, 384, 256, 256), 4000, _alexnet_side),
    "vgg16": ImageNetwork(14.8, (64, 128, 256, 512, 512), 4096, _vgg16_side),
}
COEFFICIENT = {
    "compact": CoefficientNetwork(1.24, (16, 32, 64)),
    "report-2017": CoefficientNetwork(15.5, (64, 128, 256, 256), orders=(21, 40)),
}
JOINT = {
    "residual": JointNetwork("embedding", 256),
    "report-2017": JointNetwork("features", 4000),
}


def scaled(channels: int, width: float) -> int:
    """Return the number of channels at `width`, at least 8."""
    return max(8, int(channels * width))


def millions_of_weights(train: Train, side: int) -> dict[str, float]:
    """Return the weights of the network of each view, in millions, to a tenth or so."""
    image = IMAGE[train.image_network]
    dense = image.dense_weights(side) if train.head == "dense" else 0
    own = {
        "image": (image.millions + 1e-6 * dense) * train.width**2,
        "coefficients": COEFFICIENT[train.coefficient_network].millions * train.width**2,
    }
    millions: dict[str, float] = {}
    for view in VIEWS.values():
        if view.parents:
            millions[view.name] = sum(millions[name] for name in view.parents) + 0.1
        else:
            millions[view.name] = sum(own[field] for field in view.fields)
    return millions


def refused_orders(train: Train, orders: tuple[int, int]) -> str | None:
    """Return why the coefficient network cannot take maps of `orders`; None: it can.

    Args:
        train: names the network.
        orders: angular and radial orders of the maps.
    """
    needed = COEFFICIENT[train.coefficient_network].orders
    if needed is None or all(have >= need for have, need in zip(orders, needed, strict=True)):
        return None
    return (
        f"train: {train.coefficient_network} needs {needed[0]} angular orders and {needed[1]} "
        f"radial orders, there are {orders[0]} and {orders[1]}; set transform.angular_orders and "
        "transform.radial_orders, or another coefficient_network"
    )


def refused_head(train: Train, side: int) -> str | None:
    """Return why the image network cannot have its dense head on images of `side`; None: it can."""
    if train.head == "pooling":
        return None
    weights = IMAGE[train.image_network].dense_weights(side, train.width)
    if weights <= MAX_DENSE_WEIGHTS:
        return None
    return (
        f"train.head: dense layers on images of {side}x{side} have {weights / 1e9:.1f} billion "
        f"weights and need {weights * 16 / 2**30:.0f} GiB with their gradients and moments; "
        "use `head: pooling`"
    )
