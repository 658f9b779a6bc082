"""Networks that cannot be made, known from the study alone, before any image is."""

from typing import Any

PUBLISHED = (21, 40)  # angular and radial orders of the coefficient network of 2017
MOST_WEIGHTS = 6e8  # of a dense head: 9 GiB with its gradients and moments


def refused_orders(train: Any, orders: tuple[int, int]) -> str | None:
    """Why the coefficient network of `train` cannot look at maps of `orders` (angular, radial); None: it can."""
    if train.coefficient_network != "report-2017" or all(
        have >= need for have, need in zip(orders, PUBLISHED, strict=True)
    ):
        return None
    return (
        f"train: report-2017 needs {PUBLISHED[0]} angular orders and {PUBLISHED[1]} radial orders, there are "
        f"{orders[0]} and {orders[1]}; set transform.angular_orders and transform.radial_orders, or another "
        "coefficient_network"
    )


def refused_head(train: Any, side: int) -> str | None:
    """Why the head of the image network of `train` cannot be, for images of `side` pixels; None: it can."""
    if train.image_network == "compact" or train.head == "pooling":
        return None
    if train.image_network == "alexnet":
        units, channels, left = 4000, 256, side - round(side * 29 / 256)
        for halvings in (4, 2, 2, 2):
            left = -(-left // halvings)
    else:
        units, channels, left = 4096, 512, side // 32
    units, channels = int(units * train.width), max(8, int(channels * train.width))
    weights = left * left * channels * units + units * units
    if weights <= MOST_WEIGHTS:
        return None
    return (
        f"train.head: dense layers on images of {side}x{side} have {weights / 1e9:.1f} billion weights and need "
        f"{weights * 16 / 2**30:.0f} GiB with their gradients and moments; use `head: pooling`"
    )
