"""Record batches as a ``tf.data`` pipeline, for networks of your own."""

from collections.abc import Sequence

import tensorflow as tf

from xscatter.core.errors import UserError
from xscatter.records.read import Records


def tensorflow_dataset(
    records: Records,
    size: int,
    *,
    batches: Sequence[int] | None = None,
    seed: int | None = None,
    epoch: int = 0,
    skip: int = 0,
    decode: bool = True,
) -> tf.data.Dataset:
    """Return `Records.iterate` as a ``tf.data.Dataset`` of known length that reads ahead.

    Args:
        records: the open record batches.
        size: records in a step; the last step has fewer.
        batches: numbers of the batches; default: all but the test batch.
        seed: shuffle by (seed, epoch); None: in stored order.
        epoch: number of the pass over the data.
        skip: steps to leave out, to resume where an earlier run stopped.
        decode: give `counts` float32 and `mask` bool; else `image`, the codes as stored.

    Raises:
        UserError: the batches hold no record.
    """
    where = records.where(batches) if seed is None else records.order(seed, epoch, batches)
    if not len(where):
        raise UserError(
            f"{records.folder}: the chosen batches are empty; simulate more experiments"
        )
    example = records.read(where[:1], decode)

    def load(step):
        return list(records.read(where[step * size : (step + 1) * size], decode).values())

    def read(step):
        kinds = [x.dtype for x in example.values()]
        arrays = tf.numpy_function(load, [step], kinds, stateful=False)
        for array, x in zip(arrays, example.values(), strict=True):
            array.set_shape((None, *x.shape[1:]))
        return dict(zip(example, arrays, strict=True))

    return tf.data.Dataset.range(skip, -(-len(where) // size)).map(read).prefetch(2)
