"""Quantize an ONNX graph to 8 bits.

Each column of a weight has a scale, and each row of activations, that is each word piece: the
vector-wise quantization of https://arxiv.org/abs/2208.07339. With one scale for a whole batch, as
in `onnxruntime.quantization.quantize_dynamic`, the few large values of transformers leave the
others little of the 8 bits, and the entities of a query depend on the other queries of its batch.
"""

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto
from onnx.helper import make_node, make_opsetid
from onnx.numpy_helper import from_array, to_array

RUNTIME_DOMAIN = "com.microsoft"
OPSET = 21  # the first with a scale per block of values
IR_VERSION = 10
LARGEST_INT8 = 127
EPSILON = 1e-12
STEP, ZERO, ZEROS, ONE, LAST_AXIS = "int8_step", "int8_zero", "int8_zeros", "one", "last_axis"


def quantize(model: ModelProto) -> ModelProto:
    """Replace the weights of matrix products and embeddings with 8-bit weights.

    model (ModelProto): A graph of opset 18 or later, in single precision. Its first input is
        sequences x word pieces, and what is multiplied by weights sequences x word pieces x width.
    RETURNS (ModelProto): The graph for ONNX Runtime, from the same inputs to the same outputs.
    """
    weights = {
        tensor.name: to_array(tensor)
        for tensor in model.graph.initializer
        if tensor.data_type == TensorProto.FLOAT and len(tensor.dims) == 2
    }
    constants: dict[str, np.ndarray] = {
        STEP: np.float32(1 / LARGEST_INT8),
        ZERO: np.uint8(LARGEST_INT8 + 1),
        ONE: np.float32(1),
        LAST_AXIS: np.array([-1]),
    }
    nodes: list[NodeProto] = []
    quantized_inputs: set[str] = set()
    for node in model.graph.node:
        if node.op_type == "MatMul" and node.input[1] in weights:
            rows, weight = node.input
            if rows not in quantized_inputs:
                nodes += quantize_rows(rows, len(weights[weight]))
                quantized_inputs.add(rows)
            constants |= unsigned(weight, in_8_bits(weight, weights[weight], axis=0))
            nodes += multiply(rows, weight, node.output[0])
        elif node.op_type == "Gather" and node.input[0] in weights:
            weight, numbers = node.input
            constants |= in_8_bits(weight, weights[weight], axis=1)
            nodes += look_up(weight, numbers, node.output[0])
        else:
            nodes.append(node)
    if quantized_inputs:
        nodes = [*zero_points(model.graph.input[0].name), *nodes]
    used = {name for node in nodes for name in node.input}
    kept = [tensor for tensor in model.graph.initializer if tensor.name in used]
    made = [from_array(np.asarray(a), name) for name, a in constants.items() if name in used]
    quantized = ModelProto()
    quantized.CopyFrom(model)
    for field, values in (("node", nodes), ("initializer", [*kept, *made])):
        quantized.graph.ClearField(field)
        getattr(quantized.graph, field).extend(values)
    quantized.ir_version = IR_VERSION
    quantized.ClearField("opset_import")
    quantized.opset_import.extend([make_opsetid("", OPSET), make_opsetid(RUNTIME_DOMAIN, 1)])
    return quantized


def in_8_bits(name: str, weight: np.ndarray, axis: int) -> dict[str, np.ndarray]:
    """Store a weight in 8 bits.

    name (str): Its name.
    weight (np.ndarray): The weight, of two dimensions.
    axis (int): 0 for a scale per column, 1 for a scale per row.
    RETURNS (dict[str, np.ndarray]): Under `NAME_int8` integers from -127 to 127, under `NAME_scale`
        their scale.
    """
    scale = np.maximum(np.abs(weight).max(axis=axis, keepdims=True) / LARGEST_INT8, EPSILON)
    return {
        f"{name}_int8": np.rint(weight / scale).astype(np.int8),
        f"{name}_scale": (scale[0] if axis == 0 else scale).astype(np.float32),
    }


def unsigned(name: str, stored: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Store a weight of a matrix product in unsigned 8 bits, with the zero point `ZERO`.

    Processors without VNNI add two products of unsigned and signed values in 16 bits, which can
    overflow. Of two unsigned values they do not
    (https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html).

    name (str): The name of the weight.
    stored (dict[str, np.ndarray]): See `in_8_bits`.
    RETURNS (dict[str, np.ndarray]): The same, with `NAME_uint8` instead of `NAME_int8`.
    """
    values = stored[f"{name}_int8"].astype(np.int16) + LARGEST_INT8 + 1
    scale = f"{name}_scale"
    return {f"{name}_uint8": values.astype(np.uint8), scale: stored[scale]}


def zero_points(pieces: str) -> list[NodeProto]:
    """RETURNS (list[NodeProto]): Nodes that give `ZEROS`, the zero point of each row."""
    return [
        make_node("Unsqueeze", [pieces, LAST_AXIS], [f"{pieces}_column"]),
        make_node("Shape", [f"{pieces}_column"], [f"{pieces}_shape"]),
        make_node("Expand", [ZERO, f"{pieces}_shape"], [ZEROS]),
    ]


def quantize_rows(rows: str, length: int) -> list[NodeProto]:
    """Make nodes that quantize activations to `ROWS_uint8` with `ROWS_scale`.

    A row of zeros has the scale 0, which makes it zeros again, whatever `ROWS_uint8` holds.

    rows (str): The activations' name.
    length (int): The number of values of a row.
    RETURNS (list[NodeProto]): The nodes.
    """
    size, scale = f"{rows}_size", f"{rows}_scale"
    return [
        make_node("Abs", [rows], [size]),
        make_node("ReduceMax", [size, LAST_AXIS], [f"{size}_most"], keepdims=1),
        make_node("Mul", [f"{size}_most", STEP], [scale]),
        make_node(
            "QuantizeLinear", [rows, scale, ZEROS], [f"{rows}_uint8"], axis=-1, block_size=length
        ),
    ]


def multiply(rows: str, weight: str, product: str) -> list[NodeProto]:
    """RETURNS (list[NodeProto]): Nodes that multiply quantized activations by a weight."""
    inputs = [f"{rows}_uint8", f"{weight}_uint8", ONE, f"{weight}_scale", ZERO, ZERO]
    unscaled = f"{product}_unscaled"
    return [
        make_node("MatMulIntegerToFloat", inputs, [unscaled], domain=RUNTIME_DOMAIN),
        make_node("Mul", [unscaled, f"{rows}_scale"], [product]),
    ]


def look_up(weight: str, numbers: str, vectors: str) -> list[NodeProto]:
    """RETURNS (list[NodeProto]): Nodes that look up the rows of a weight by their numbers."""
    found, unscaled, scale = (f"{vectors}_{part}" for part in ("found", "unscaled", "found_scale"))
    return [
        make_node("Gather", [f"{weight}_int8", numbers], [found]),
        make_node("Cast", [found], [unscaled], to=TensorProto.FLOAT),
        make_node("Gather", [f"{weight}_scale", numbers], [scale]),
        make_node("Mul", [unscaled, scale], [vectors]),
    ]
