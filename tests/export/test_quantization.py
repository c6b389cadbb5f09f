"""What a graph gives in 8 bits, beside what it gives in single precision."""

import numpy as np
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto
from onnx.helper import make_graph, make_model, make_node, make_opsetid, make_tensor_value_info
from onnx.numpy_helper import from_array

from music_ner.export.quantization import in_8_bits, quantize

WORDS, WIDTH, OUT = 50, 16, 24


def model_of(table, weight, other):
    """Look up rows of a table, and multiply them by two weights."""
    nodes = [
        make_node("Gather", ["table", "ids"], ["rows"]),
        make_node("MatMul", ["rows", "weight"], ["product"]),
        make_node("MatMul", ["rows", "other"], ["more"]),
        make_node("Concat", ["product", "more"], ["both"], axis=-1),
    ]
    inputs = [make_tensor_value_info("ids", TensorProto.INT64, ["queries", "pieces"])]
    outputs = [make_tensor_value_info("both", TensorProto.FLOAT, ["queries", "pieces", 2 * OUT])]
    arrays = {"table": table, "weight": weight, "other": other}
    weights = [from_array(array.astype("f"), name) for name, array in arrays.items()]
    graph = make_graph(nodes, "test", inputs, outputs, weights)
    return make_model(graph, opset_imports=[make_opsetid("", 18)], ir_version=9)


@pytest.fixture(scope="module")
def model():
    rng = np.random.default_rng(0)
    table = rng.normal(size=(WORDS, WIDTH)) * rng.lognormal(sigma=2, size=(WORDS, 1))
    weight, other = rng.normal(size=(2, WIDTH, OUT)) * rng.lognormal(sigma=1, size=(2, 1, OUT))
    return model_of(table, weight, other)


def run(model, ids):
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, {"ids": np.array(ids)})[0]


def test_a_quantized_graph_gives_nearly_the_same_for_small_and_for_large_rows(model):
    ids = np.arange(WORDS).reshape(5, 10)
    exact, quantized = run(model, ids), run(quantize(model), ids)
    for one, other in zip(exact.reshape(WORDS, -1), quantized.reshape(WORDS, -1), strict=True):
        assert other == pytest.approx(one, abs=0.05 * float(np.abs(one).max()))


def test_a_row_is_the_same_whatever_it_is_read_with(model):
    quantized = quantize(model)
    together = run(quantized, [[3, 1, 4], [1, 5, 9]])
    assert np.array_equal(together[0], run(quantized, [[3, 1, 4]])[0])
    assert np.array_equal(together[1, 2:], run(quantized, [[9]])[0])


def test_weights_are_stored_in_8_bits_and_once(model):
    quantized = quantize(model)
    types = {t.name: t.data_type for t in quantized.graph.initializer}
    large = [t for t in quantized.graph.initializer if len(t.dims) == 2 and min(t.dims) > 1]
    types_of_large = sorted(TensorProto.DataType.Name(t.data_type) for t in large)
    assert types_of_large == ["INT8", "UINT8", "UINT8"]
    assert not {"table", "weight", "other"} & types.keys()
    kinds = [node.op_type for node in quantized.graph.node]
    assert kinds.count("QuantizeLinear") == 1  # both products share the rows


def test_the_original_graph_stays_as_it_is(model):
    before = model.SerializeToString()
    quantize(model)
    assert model.SerializeToString() == before


def test_rows_of_zeros_give_zeros():
    model = model_of(np.zeros((WORDS, WIDTH)), np.ones((WIDTH, OUT)), np.zeros((WIDTH, OUT)))
    assert np.array_equal(run(quantize(model), [[0, 1]]), np.zeros((1, 2, 2 * OUT)))


def test_a_graph_without_weights_passes_unchanged():
    nodes = [make_node("MatMul", ["a", "b"], ["c"])]
    a, b, c = (make_tensor_value_info(name, TensorProto.FLOAT, [2, 2]) for name in "abc")
    model = make_model(make_graph(nodes, "test", [a, b], [c]))
    quantized = quantize(model)
    assert [node.op_type for node in quantized.graph.node] == ["MatMul"]
    assert not quantized.graph.initializer


@given(
    st.lists(st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=3), min_size=1, max_size=6),
    st.sampled_from([0, 1]),
)
def test_a_weight_in_8_bits_is_off_by_half_a_step_at_most(rows, axis):
    weight = np.array(rows)
    stored = in_8_bits("w", weight, axis)
    assert stored["w_int8"].dtype == np.int8
    error = np.abs(stored["w_int8"] * stored["w_scale"] - weight)
    assert (error <= stored["w_scale"] * 0.5001 + 1e-9).all()
