"""Convert a trained pipeline to one without PyTorch: its transformer runs in ONNX Runtime."""

import tempfile
from enum import Enum
from pathlib import Path

import onnx
import torch
from spacy import util
from spacy.language import Language
from spacy.tokens import Doc
from spacy_transformers.layers import TransformerListener
from thinc.api import Model
from transformers import AutoModel, PreTrainedModel
from transformers.models.bert.modeling_bert import BertAttention

from music_ner.evaluation.scores import entity_spans
from music_ner.export.quantization import quantize
from music_ner.pipeline.onnx_encoder import doc_tensor

SPAN_GETTER = "music_ner.strided_spans.v1"
OPSET = 18
BATCH_SIZE = 1024


class Precision(str, Enum):
    """What the weights of the transformer are stored and multiplied in."""

    int8 = "int8"
    fp32 = "fp32"


def fold_biases(transformer: PreTrainedModel) -> None:
    """Remove the biases of BERT's keys and values; the output does not change.

    The key bias adds the same value to all scores of a query, which softmax cancels. The value bias
    passes through attention unchanged, since the weights sum to 1, so it can be added afterwards.

    transformer (PreTrainedModel): The transformer. Other kinds than BERT are left as they are.
    """
    for attention in transformer.modules():
        if isinstance(attention, BertAttention):
            key, value, output = attention.self.key, attention.self.value, attention.output.dense
            with torch.no_grad():
                output.bias += output.weight @ value.bias
            key.bias = value.bias = None


class Encoder(torch.nn.Module):
    """A transformer that gives the vectors alone.

    transformer (PreTrainedModel): The transformer.
    """

    def __init__(self, transformer: PreTrainedModel):
        super().__init__()
        # Written out, attention takes fewer nodes than PyTorch's fused one does in ONNX.
        self.transformer = AutoModel.from_config(transformer.config, attn_implementation="eager")
        self.transformer.load_state_dict(transformer.state_dict())
        fold_biases(self.transformer)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Read word pieces.

        input_ids (torch.Tensor): Numbers of word pieces. Sequences x word pieces.
        attention_mask (torch.Tensor): 0 for padding, else 1; of the same shape.
        RETURNS (torch.Tensor): sequences x word pieces x width.
        """
        found = self.transformer(input_ids=input_ids, attention_mask=attention_mask)
        return found.last_hidden_state


def to_onnx(transformer: PreTrainedModel, precision: Precision) -> bytes:
    """Write a transformer as an ONNX graph.

    transformer (PreTrainedModel): The transformer.
    precision (Precision): What its weights are stored and multiplied in.
    RETURNS (bytes): The graph, from `input_ids` and `attention_mask` to `vectors`.
    """
    sequences = {0: "sequences", 1: "pieces"}
    names = ("input_ids", "attention_mask")
    example = torch.ones((2, 8), dtype=torch.long)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "encoder.onnx"
        torch.onnx.export(
            Encoder(transformer).eval(),
            (example, example),
            path,
            input_names=list(names),
            output_names=["vectors"],
            dynamic_axes=dict.fromkeys((*names, "vectors"), sequences),
            opset_version=OPSET,
            dynamo=False,
        )
        model = onnx.load(path)
    return (model if precision is Precision.fp32 else quantize(model)).SerializeToString()


def listening_layer(model: Model) -> Model:
    """RETURNS (Model): The layer of a ner's model that gives the transformer's vectors."""
    return next(
        node
        for node in model.walk()
        if node.layers and isinstance(node.layers[0], TransformerListener)
    )


def export_to_onnx(nlp: Language, precision: Precision) -> None:
    """Convert a pipeline in place, so that its transformer runs in ONNX Runtime.

    nlp (Language): A trained pipeline of a `transformer`, a `ner` that listens to it, and what
        follows. It is changed.
    precision (Precision): See `to_onnx`.
    RAISES (ValueError): If the transformer has another span getter.
    """
    settings = nlp.get_pipe_config("transformer")["model"]["get_spans"]
    if settings["@span_getters"] != SPAN_GETTER:
        raise ValueError(
            f"{settings['@span_getters']} cannot be exported: train with {SPAN_GETTER}"
        )
    model = nlp.get_pipe("transformer").model
    tokenizer, transformer = model.tokenizer, model.transformer
    width = transformer.config.hidden_size
    ner, holder = nlp.get_pipe("ner"), nlp.get_pipe_config("ner")["model"]
    while "tok2vec" in holder["tok2vec"]:  # other architectures may wrap the listener
        holder = holder["tok2vec"]
    encoder_config = {
        "pooling": holder["tok2vec"]["pooling"],
        "window": settings["window"],
        "stride": settings["stride"],
        "max_pieces": min(tokenizer.model_max_length, transformer.config.max_position_embeddings),
        "width": width,
        # Its error is much smaller than that of 8 bits.
        "approximate_gelu": precision is Precision.int8,
    }
    util.replace_model_node(ner.model, listening_layer(ner.model), doc_tensor(width))
    holder["tok2vec"] = {"@architectures": "music_ner.DocTensor.v1", "width": width}
    nlp.remove_pipe("transformer")
    encoder = nlp.add_pipe("onnx_encoder", config=encoder_config, first=True)
    backend = tokenizer.backend_tokenizer
    backend.no_padding()
    backend.no_truncation()
    encoder.load(
        {
            "encoder.onnx": to_onnx(transformer, precision),
            "tokenizer.json": backend.to_str().encode(),
        }
    )
    nlp.config["nlp"]["batch_size"] = BATCH_SIZE
    nlp.config["system"]["gpu_allocator"] = None
    nlp.meta["fast"] = {"precision": precision.value}


def agreement(docs: list[Doc], others: list[Doc]) -> float:
    """RETURNS (float): The share of docs in which two pipelines find the same entities."""
    same = [entity_spans(d) == entity_spans(o) for d, o in zip(docs, others, strict=True)]
    return sum(same) / len(same)
