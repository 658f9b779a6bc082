"""A Keras network as ONNX, which taggers run without TensorFlow."""

from typing import Any

import numpy as np

from xscatter.networks.quiet import import_tensorflow, require

OPSET = 18  # of ONNX: any runtime since 2023 knows it
_OPTIMIZERS = ("fold_constants", "remove_identity")


def to_onnx(model: Any) -> bytes:
    """Return `model` as an ONNX file: the same inputs, for any number of records, and `logits`.

    The same weights give the same bytes. A network that was trained in half precision computes in
    float32 here, because the runtime has no bfloat16; its weights are float32 anyway.

    Args:
        model: a Keras network of :mod:`xscatter.networks.models`.

    Raises:
        UserError: tf2onnx is not installed.
    """
    import_tensorflow()
    require("tf2onnx")
    import tensorflow as tf

    exact = in_float32(model)
    signature = {
        name: tf.TensorSpec((None, *x.shape[1:]), tf.float32, name=name)
        for name, x in exact.input.items()
    }
    return _converted(lambda inputs: exact(inputs, training=False), signature, ["logits"])


def to_onnx_stream(model: Any) -> bytes:
    """Return a temporal network as an ONNX file that carries its memory from call to call.

    Its inputs are `features` (n, T, F) and `state` (n, S), zeros at the beginning; its outputs are
    `logits` (n, T, 3 P + families) and `next_state` (n, S).

    Args:
        model: a Keras network of :mod:`xscatter.networks.sequence`.

    Raises:
        UserError: tf2onnx is not installed.
    """
    import_tensorflow()
    require("tf2onnx")
    import tensorflow as tf

    from xscatter.networks.sequence import state_size, stream

    run, features = stream(model), model.input["features"].shape[-1]
    signature = {
        "features": tf.TensorSpec((None, None, features), tf.float32, name="features"),
        "state": tf.TensorSpec((None, state_size(model)), tf.float32, name="state"),
    }
    names = ["logits", "next_state"]
    return _converted(lambda x: run(x["features"], x["state"]), signature, names)


def _converted(compute: Any, signature: dict[str, Any], names: list[str]) -> bytes:
    """Return a function of TensorFlow as an ONNX file.

    Args:
        compute: from inputs by name to one output, or several.
        signature: type of each input, by name.
        names: of the outputs.
    """
    import tensorflow as tf
    from tf2onnx import optimizer, tf_loader, tfonnx

    function = tf.function(compute).get_concrete_function(signature)
    # The variables are inputs of the function, too; they become constants.
    inputs = [x.name for x in function.inputs if x.dtype != tf.resource]
    outputs = [x.name for x in function.outputs]
    frozen = tf_loader.from_function(function, inputs, outputs)
    with tf.Graph().as_default() as tf_graph:
        tf.import_graph_def(frozen, name="")
        graph = tfonnx.process_tf_graph(
            tf_graph,
            opset=OPSET,
            custom_op_handlers={"Log1p": (_log1p, []), "Erfc": (_erfc, [])},
            input_names=inputs,
            output_names=outputs,
            tensors_to_rename={x: x.partition(":")[0] for x in inputs}
            | dict(zip(outputs, names, strict=True)),
        )
        # The runtime optimizes what it loads. All others of tf2onnx bring nothing, and give other
        # graphs from run to run.
        chosen = {name: optimizer._get_optimizers()[name] for name in _OPTIMIZERS}
        proto = optimizer.optimize_graph(graph, False, chosen).make_model("xscatter")
    _rename(proto.graph)
    return proto.SerializeToString(deterministic=True)


def in_float32(model: Any) -> Any:
    """Return `model`, or a copy of it that computes in float32 if some layer does not."""
    import keras

    config = keras.saving.serialize_keras_object(model)
    exact = _with_float32(config)
    if exact == config:
        return model
    copy = keras.saving.deserialize_keras_object(exact)
    copy.set_weights(model.get_weights())
    return copy


def _with_float32(config: Any) -> Any:
    """Return the `config` of a network with the policy float32 for every layer."""
    if isinstance(config, dict):
        if config.get("class_name") == "DTypePolicy":
            return config | {"config": config["config"] | {"name": "float32"}}
        return {key: _with_float32(value) for key, value in config.items()}
    if isinstance(config, (list, tuple)):
        return type(config)(_with_float32(value) for value in config)
    return config


# Two operations that tf2onnx does not know, written with those of ONNX. Near 0 the first is exact
# to 1e-7 only, as every float32 sum of counts is.


def _log1p(graph: Any, node: Any, name: str, _: Any) -> None:
    more = graph.make_node("Add", [node.input[0], _one(graph)]).output[0]
    node.type = "Log"
    graph.replace_inputs(node, [more])


def _erfc(graph: Any, node: Any, name: str, _: Any) -> None:
    erf = graph.make_node("Erf", [node.input[0]]).output[0]
    node.type = "Sub"
    graph.replace_inputs(node, [_one(graph), erf])


def _one(graph: Any) -> str:
    from tf2onnx.utils import make_name

    return graph.make_const(make_name("one"), np.float32(1)).output[0]


def _rename(graph: Any) -> None:
    """Order and name the nodes of `graph` by its structure: tf2onnx's order varies from run to run.

    Nodes come in the order in which the outputs need them.
    """
    makers = {name: node for node in graph.node for name in node.output}
    constants = {one.name: one for one in graph.initializer}
    names = {one.name: one.name for one in (*graph.input, *graph.output)}
    nodes: list[Any] = []
    weights: list[Any] = []
    visited: set[int] = set()
    waiting = [(makers[one.name], False) for one in reversed(graph.output)]
    while waiting:
        node, ready = waiting.pop()
        if ready:
            nodes.append(node)
        elif id(node) not in visited:
            visited.add(id(node))
            waiting.append((node, True))
            # The last one is taken first.
            waiting += [(makers[name], False) for name in reversed(node.input) if name in makers]
    for node in nodes:
        for name in node.input:
            if name in constants and name not in names:
                names[name] = f"weight_{len(weights)}"
                weights.append(constants[name])
        for name in node.output:
            names.setdefault(name, f"value_{len(names)}")
    for number, node in enumerate(nodes):
        node.name = f"{node.op_type}_{number}"
        node.input[:] = [names[name] if name else "" for name in node.input]
        node.output[:] = [names[name] if name else "" for name in node.output]
    for constant in weights:
        constant.name = names[constant.name]
    nodes, weights = [_copy(one) for one in nodes], [_copy(one) for one in weights]
    inputs = sorted((_copy(one) for one in graph.input), key=lambda one: one.name)
    for one in (*inputs, *graph.output):
        # The numbers of records and of frames have names, too.
        for place, size in enumerate(one.type.tensor_type.shape.dim):
            if place == 0 or size.dim_param:
                size.dim_param = ("records", "frames")[min(place, 1)]
    for field, content in (("node", nodes), ("initializer", weights), ("input", inputs)):
        graph.ClearField(field)
        getattr(graph, field).extend(content)
    graph.ClearField("value_info")


def _copy(message: Any) -> Any:
    copy = type(message)()
    copy.CopyFrom(message)
    return copy
