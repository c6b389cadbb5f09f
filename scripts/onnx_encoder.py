"""A fine-tuned transformer that runs in ONNX Runtime; travels inside the fast package.

It gives each token the vector that a spacy-transformers pipeline with strided spans gives it, but
needs neither that library nor PyTorch.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnxruntime
import srsly
from spacy import registry, util
from spacy.attrs import IDX, LENGTH
from spacy.language import Language
from spacy.pipeline import Pipe
from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats2d, Ragged
from tokenizers import Encoding, Tokenizer

PIECES_AT_ONCE = 512  # more would not stay in a core's cache
MOST_PADDING = 16  # word pieces; to read them costs about as much as another batch
FILES = ("encoder.onnx", "tokenizer.json")


class Window(NamedTuple):
    """A stretch of a doc.

    first (int): The number of its first token among those of all docs.
    starts (np.ndarray): Where each token starts, counted from the window's first character.
    text (str): Its text.
    """

    first: int
    starts: np.ndarray
    text: str


def bounds_of_windows(n_tokens: int, window: int, stride: int) -> list[tuple[int, int]]:
    """Cut a doc into stretches that overlap, as `spacy-transformers.strided_spans.v1` does.

    n_tokens (int): How many tokens the doc has.
    window (int): How many tokens a stretch has, but for the last.
    stride (int): How many tokens lie between the starts of two stretches.
    RETURNS (list[tuple[int, int]]): First token of each, and the token after its last.
    """
    bounds = []
    for start in range(0, n_tokens // stride * stride, stride):
        bounds.append((start, min(start + window, n_tokens)))
        if start + window >= n_tokens:
            return bounds
    rest = len(bounds) * stride
    return [*bounds, (rest, n_tokens)] if rest < n_tokens else bounds


def windows_of(docs: list[Doc], window: int, stride: int) -> list[Window]:
    """Cut docs into windows.

    docs (list[Doc]): A batch.
    window (int): See `bounds_of_windows`, as for `stride`.
    RETURNS (list[Window]): The windows of all docs in order; an empty doc has none.
    """
    windows = []
    n_before = 0
    for doc in docs:
        text, offsets = doc.text, doc.to_array([IDX, LENGTH]).astype(np.int64)
        for start, end in bounds_of_windows(len(doc), window, stride):
            begin, end_char = int(offsets[start, 0]), int(offsets[end - 1].sum())
            starts = offsets[start:end, 0] - begin
            windows.append(Window(n_before + start, starts, text[begin:end_char]))
        n_before += len(doc)
    return windows


def batches_of(lengths: np.ndarray, size: int, padding: int) -> Iterator[np.ndarray]:
    """Put sequences of like length together.

    lengths (np.ndarray): The number of word pieces of each sequence.
    size (int): The most word pieces of a batch, padding counted; a longer sequence stands alone.
    padding (int): The most word pieces that pad the sequences of a batch.
    YIELDS (np.ndarray): The numbers of the sequences of a batch.
    """
    order = np.argsort(lengths, kind="stable")
    start = n_pieces = 0
    for end, length in enumerate(lengths[order].tolist()):
        padded = (end + 1 - start) * length
        if end > start and (padded > size or padded - n_pieces - length > padding):
            yield order[start:end]
            start, n_pieces = end, 0
        n_pieces += length
    if len(order):
        yield order[start:]


class Alignment(NamedTuple):
    """Which word pieces make up which tokens: pairs, one array for each side.

    piece (np.ndarray): Number of the word piece among those of all windows.
    token (np.ndarray): Number of the token among those of all docs.
    """

    piece: np.ndarray
    token: np.ndarray


def align(windows: list[Window], offsets: np.ndarray, n_pieces: np.ndarray) -> Alignment:
    """Align word pieces and tokens by where they lie in the text.

    windows (list[Window]): The windows of a batch.
    offsets (np.ndarray): Start and end of each word piece in its window, in characters; word pieces
        that stand for no text have both alike. All pieces of all windows x 2.
    n_pieces (np.ndarray): How many word pieces each window has.
    RETURNS (Alignment): Pairs, in order of tokens.
    """
    text_ends = np.cumsum([len(window.text) for window in windows])
    text_starts = text_ends - [len(window.text) for window in windows]
    token_starts = np.concatenate(
        [window.starts + begin for window, begin in zip(windows, text_starts, strict=True)]
    )
    tokens = np.concatenate(
        [np.arange(window.first, window.first + len(window.starts)) for window in windows]
    )
    piece = np.flatnonzero(offsets[:, 0] < offsets[:, 1])
    offsets = (offsets + np.repeat(text_starts, n_pieces)[:, None])[piece]
    first = np.searchsorted(token_starts, offsets[:, 0], side="right") - 1
    last = np.searchsorted(token_starts, offsets[:, 1] - 1, side="right") - 1
    spread = last - first + 1
    within = np.arange(spread.sum()) - np.repeat(np.cumsum(spread) - spread, spread)
    token_of_pair = tokens[np.repeat(first, spread) + within]
    order = np.argsort(token_of_pair, kind="stable")
    return Alignment(np.repeat(piece, spread)[order], token_of_pair[order])


class Runtime:
    """A tokenizer and a transformer as they run.

    files (dict[str, bytes]): `encoder.onnx`, the graph from `input_ids` and `attention_mask` to
        `vectors`; `tokenizer.json`, as the library `tokenizers` writes it.
    threads (int): Threads of ONNX Runtime; 0 for one a core.
    """

    def __init__(self, files: dict[str, bytes], threads: int):
        self.files = {name: files[name] for name in FILES}
        self.threads = threads
        self.tokenizer = Tokenizer.from_buffer(self.files["tokenizer.json"])
        self._sessions: dict[int, onnxruntime.InferenceSession] = {}
        self.session  # noqa: B018 (to fail here, if at all)

    @property
    def session(self) -> onnxruntime.InferenceSession:
        """The transformer, one for each process.

        The threads of a session do not live on in a forked process, which so needs its own; the old
        one is kept, as it would wait for its threads to end.
        """
        if os.getpid() not in self._sessions:
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = self.threads
            self._sessions[os.getpid()] = onnxruntime.InferenceSession(
                self.files["encoder.onnx"], options, providers=["CPUExecutionProvider"]
            )
        return self._sessions[os.getpid()]

    def __reduce__(self) -> tuple:
        return Runtime, (self.files, self.threads)


class OnnxEncoder(Pipe):
    """Gives each token its vector, in `doc.tensor`.

    name (str): Name of the component.
    pooling (Model[Ragged, Floats2d]): Makes one vector of those of a token's word pieces.
    window (int): How many tokens the transformer reads at once.
    stride (int): How many tokens lie between the starts of two windows.
    max_pieces (int): The most word pieces of a window; those beyond are not read.
    width (int): Length of a vector.
    threads (int): Threads of ONNX Runtime; 0 for one a core.
    """

    def __init__(
        self,
        name: str,
        pooling: Model[Ragged, Floats2d],
        *,
        window: int,
        stride: int,
        max_pieces: int,
        width: int,
        threads: int,
    ):
        self.name = name
        self.pooling = pooling
        self.window, self.stride, self.max_pieces = window, stride, max_pieces
        self.width, self.threads = width, threads
        self._runtime: Runtime | None = None

    def load(self, files: dict[str, bytes]) -> None:
        """Take a transformer.

        files (dict[str, bytes]): See `Runtime`.
        """
        self._runtime = Runtime(files, self.threads)

    @property
    def runtime(self) -> Runtime:
        """The transformer.

        RAISES (ValueError): If there is none yet.
        """
        if self._runtime is None:
            raise ValueError(f"{self.name} has no transformer yet: load a saved pipeline")
        return self._runtime

    def __call__(self, doc: Doc) -> Doc:
        """RETURNS (Doc): The doc, with a vector for each token in `doc.tensor`."""
        (doc.tensor,) = self.predict([doc])
        return doc

    def pipe(self, stream: Iterable[Doc], *, batch_size: int) -> Iterator[Doc]:
        """Read docs in batches.

        stream (Iterable[Doc]): Docs.
        batch_size (int): How many are read at a time.
        YIELDS (Doc): The docs in their order.
        """
        handle_error = self.get_error_handler()
        for batch in util.minibatch(stream, batch_size):
            docs = list(batch)
            try:
                for doc, vectors in zip(docs, self.predict(docs), strict=True):
                    doc.tensor = vectors
                yield from docs
            except Exception as error:
                handle_error(self.name, self, docs, error)

    def predict(self, docs: list[Doc]) -> list[Floats2d]:
        """Read docs.

        docs (list[Doc]): A batch.
        RETURNS (list[Floats2d]): The vectors of each doc's tokens; zeros for a token without word
            pieces.
        """
        lengths = [len(doc) for doc in docs]
        windows = windows_of(docs, self.window, self.stride)
        if not windows:
            return [np.zeros((0, self.width), dtype="f") for _ in docs]
        encode = self.runtime.tokenizer.encode  # `encode_batch` starts threads that do not fork
        encodings = [encode(window.text) for window in windows]
        n_pieces = np.minimum([len(e.ids) for e in encodings], self.max_pieces)
        offsets = np.array(
            [pair for e in encodings for pair in e.offsets[: self.max_pieces]], dtype=np.int64
        )
        pieces, tokens = align(windows, offsets, n_pieces)
        vectors = self._vectors_of_pieces(encodings, n_pieces)
        read, pieces_of_token = np.unique(tokens, return_counts=True)
        pooled = np.zeros((sum(lengths), self.width), dtype="f")
        if len(read):
            pieces_by_token = Ragged(vectors[pieces], pieces_of_token.astype("i"))
            pooled[read] = self.pooling.predict(pieces_by_token)
        return np.split(pooled, np.cumsum(lengths)[:-1])

    def _vectors_of_pieces(self, encodings: list[Encoding], n_pieces: np.ndarray) -> Floats2d:
        vectors = np.zeros((n_pieces.sum(), self.width), dtype="f")
        start = np.cumsum(n_pieces) - n_pieces
        for numbers in batches_of(n_pieces, PIECES_AT_ONCE, MOST_PADDING):
            lengths = n_pieces[numbers]
            mask = np.arange(lengths.max()) < lengths[:, None]
            ids = np.zeros(mask.shape, dtype=np.int64)
            ids[mask] = [i for n in numbers for i in encodings[n].ids[: self.max_pieces]]
            inputs = {"input_ids": ids, "attention_mask": mask.astype(np.int64)}
            (found,) = self.runtime.session.run(["vectors"], inputs)
            rows = np.repeat(start[numbers], lengths) + np.nonzero(mask)[1]
            vectors[rows] = found[mask]
        return vectors

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """RETURNS (bytes): The transformer."""
        files = self.runtime.files
        return util.to_bytes({name: partial(files.get, name) for name in FILES}, exclude)

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> "OnnxEncoder":
        """Load what `to_bytes` gave.

        data (bytes): The transformer.
        """
        self.load(srsly.msgpack_loads(data))
        return self

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Save the transformer.

        path (str | Path): Folder to write to.
        """
        files = self.runtime.files
        writers = {name: lambda file, n=name: file.write_bytes(files[n]) for name in FILES}
        util.to_disk(path, writers, exclude)

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> "OnnxEncoder":
        """Load what `to_disk` wrote.

        path (str | Path): The folder.
        """
        self.load({name: (Path(path) / name).read_bytes() for name in FILES})
        return self


def create_onnx_encoder(
    nlp: Language,
    name: str,
    pooling: Model[Ragged, Floats2d],
    window: int,
    stride: int,
    max_pieces: int,
    width: int,
    threads: int,
) -> OnnxEncoder:
    """Create an encoder that has no transformer yet."""
    return OnnxEncoder(
        name,
        pooling,
        window=window,
        stride=stride,
        max_pieces=max_pieces,
        width=width,
        threads=threads,
    )


# Each package that is made with this code brings it along, and spaCy takes a factory but once.
if not Language.has_factory("onnx_encoder"):
    Language.factory(
        "onnx_encoder",
        assigns=["doc.tensor"],
        default_config={"pooling": {"@layers": "reduce_mean.v1"}, "threads": 1},
    )(create_onnx_encoder)


@registry.architectures("music_ner.DocTensor.v1")
def doc_tensor(width: int) -> Model[list[Doc], list[Floats2d]]:
    """A tok2vec that gives the vectors that a component before it has put in `doc.tensor`.

    width (int): Length of a vector.
    """
    return Model("doc_tensor", _forward, dims={"nO": width})


def _forward(
    model: Model, docs: list[Doc], is_train: bool
) -> tuple[list[Floats2d], Callable[[Any], list]]:
    width = model.get_dim("nO")
    for doc in docs:
        if len(doc) and doc.tensor.shape != (len(doc), width):
            raise ValueError("Tokens have no vectors: the pipeline needs its onnx_encoder enabled")
    return [doc.tensor.reshape(-1, width) for doc in docs], lambda gradients: []
