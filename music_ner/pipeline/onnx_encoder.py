"""The component `onnx_encoder`: a fine-tuned transformer that runs in ONNX Runtime.

It gives each token the vector that a spacy-transformers pipeline with strided spans gives it, but
needs neither that library nor PyTorch.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import srsly
from spacy import util
from spacy.attrs import IDX, LENGTH
from spacy.language import Language
from spacy.pipeline import Pipe
from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats2d, Ragged

from music_ner.pipeline.checksums import checksum_line, sealed, unsealed
from music_ner.pipeline.span_getters import as_read

if TYPE_CHECKING:
    import onnxruntime

PIECES_AT_ONCE = 512  # more do not fit in a core's cache
TOKENS_AT_ONCE = 8192
"""Tokens whose word pieces are pooled at the same time."""
MAX_PADDING = 16  # word pieces; more cost about as much as another batch
FILES = ("encoder.onnx", "tokenizer.json")
CHECKSUMS_FILE = "SHA256SUMS"


class Window(NamedTuple):
    """A slice of a doc.

    first (int): The number of its first token among those of all docs.
    bounds (np.ndarray): Start and end offset of each token, counted from the window's first
        character. Tokens x 2.
    text (str): Its text as the transformer reads it.
    """

    first: int
    bounds: np.ndarray
    text: str


def bounds_of_windows(n_tokens: int, window: int, stride: int) -> list[tuple[int, int]]:
    """Cut a doc into overlapping windows, as `spacy-transformers.strided_spans.v1` does.

    n_tokens (int): Tokens of the doc.
    window (int): Tokens of a window; the last may have fewer.
    stride (int): Tokens between the starts of two windows.
    RETURNS (list[tuple[int, int]]): First token of each window, and the token after its last.

    >>> bounds_of_windows(10, window=6, stride=4)
    [(0, 6), (4, 10)]
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
        read = as_read(doc)
        text, bounds = read.text, read.to_array([IDX, LENGTH]).astype(np.int64).cumsum(axis=1)
        for start, end in bounds_of_windows(len(doc), window, stride):
            begin, end_char = bounds[start, 0], bounds[end - 1, 1]
            windows.append(
                Window(n_before + start, bounds[start:end] - begin, text[begin:end_char])
            )
        n_before += len(doc)
    return windows


def batches_of(lengths: np.ndarray, size: int, padding: int) -> Iterator[np.ndarray]:
    """Group sequences of similar length into batches.

    lengths (np.ndarray): The number of word pieces of each sequence.
    size (int): Maximum word pieces of a batch, including padding; a longer sequence is a batch of
        its own.
    padding (int): Maximum word pieces of padding in a batch.
    YIELDS (np.ndarray): The numbers of the sequences of a batch.

    >>> [batch.tolist() for batch in batches_of(np.array([9, 3, 3]), size=12, padding=4)]
    [[1, 2], [0]]
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
    """The word pieces of each token.

    pieces (np.ndarray): The numbers of the word pieces of the first token, of the second, and so
        on, among those of all windows.
    lengths (np.ndarray): The number of word pieces of each token.
    """

    pieces: np.ndarray
    lengths: np.ndarray


def align(windows: list[Window], offsets: np.ndarray, n_pieces: np.ndarray) -> Alignment:
    """Align word pieces and tokens by their offsets in the text.

    windows (list[Window]): The windows of a batch, which contain all tokens of its docs.
    offsets (np.ndarray): Start and end offset of each word piece in its window, equal for word
        pieces without text. All pieces of all windows x 2.
    n_pieces (np.ndarray): The number of word pieces of each window.
    RETURNS (Alignment): The word pieces of each token, from all windows that it is in.
    """
    text_lengths = np.array([len(window.text) for window in windows])
    begins = text_lengths.cumsum() - text_lengths
    n_tokens = [len(window.bounds) for window in windows]
    starts, ends = np.concatenate([window.bounds for window in windows]).T + begins.repeat(n_tokens)
    numbers = np.flatnonzero(offsets[:, 0] < offsets[:, 1])
    piece_starts, piece_ends = (offsets.T + begins.repeat(n_pieces))[:, numbers]
    first = piece_ends.searchsorted(starts, side="right")
    lengths = piece_starts.searchsorted(ends) - first
    tokens = np.concatenate([np.arange(w.first, w.first + len(w.bounds)) for w in windows])
    order = tokens.argsort(kind="stable")
    first, lengths = first[order], lengths[order]
    before = lengths.cumsum() - lengths
    pieces = numbers[np.arange(lengths.sum()) + (first - before).repeat(lengths)]
    return Alignment(pieces, np.bincount(tokens[order], weights=lengths).astype("i"))


class Runtime:
    """A tokenizer and a transformer, ready to run.

    files (dict[str, bytes]): `encoder.onnx`, the graph from `input_ids` and `attention_mask` to
        `vectors`; `tokenizer.json`, as the library `tokenizers` writes it.
    threads (int): Threads of ONNX Runtime; 0 for one per core.
    approximate_gelu (bool): See `OnnxEncoder`.
    """

    def __init__(self, files: dict[str, bytes], threads: int, approximate_gelu: bool):
        self.files = {name: files[name] for name in FILES}
        self.threads, self.approximate_gelu = threads, approximate_gelu
        try:
            # spaCy imports every installed component, also where their requirements are missing.
            from tokenizers import Tokenizer
        except ImportError as error:
            raise ImportError(f"{error}: pip install 'music-ner[fast]'") from error

        self.tokenizer = Tokenizer.from_buffer(self.files["tokenizer.json"])
        self._sessions: dict[int, onnxruntime.InferenceSession] = {}
        self.session  # noqa: B018 (to fail here, if at all)

    @property
    def session(self) -> onnxruntime.InferenceSession:
        """The transformer, one session per process.

        The threads of a session do not survive a fork, so a forked process needs a session of its
        own. The old session is kept: its destructor would wait for the threads.
        """
        if os.getpid() not in self._sessions:
            try:
                import onnxruntime
            except ImportError as error:
                raise ImportError(f"{error}: pip install 'music-ner[fast]'") from error

            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = self.threads
            options.add_session_config_entry(
                "optimization.enable_gelu_approximation", str(int(self.approximate_gelu))
            )
            self._sessions[os.getpid()] = onnxruntime.InferenceSession(
                self.files["encoder.onnx"], options, providers=["CPUExecutionProvider"]
            )
        return self._sessions[os.getpid()]

    def __reduce__(self) -> tuple:
        return Runtime, (self.files, self.threads, self.approximate_gelu)


class OnnxEncoder(Pipe):
    """Sets the vector of each token, in `doc.tensor`.

    name (str): Name of the component.
    pooling (Model[Ragged, Floats2d]): Pools the vectors of a token's word pieces.
    window (int): Tokens of a window, which the transformer reads at once.
    stride (int): Tokens between the starts of two windows.
    max_pieces (int): Maximum word pieces of a window; those beyond are not read.
    width (int): Length of a vector.
    threads (int): Threads of ONNX Runtime; 0 for one per core.
    approximate_gelu (bool): Whether to approximate GELU with tanh
        (https://arxiv.org/abs/1606.08415), which is faster, with an error of at most 0.0005.
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
        approximate_gelu: bool,
    ):
        self.name = name
        self.pooling = pooling
        self.window, self.stride, self.max_pieces = window, stride, max_pieces
        self.width, self.threads, self.approximate_gelu = width, threads, approximate_gelu
        self._runtime: Runtime | None = None

    def load(self, files: dict[str, bytes]) -> None:
        """Set the transformer.

        files (dict[str, bytes]): See `Runtime`.
        """
        self._runtime = Runtime(files, self.threads, self.approximate_gelu)

    @property
    def runtime(self) -> Runtime:
        """The transformer.

        RAISES (ValueError): If there is none yet.
        """
        if self._runtime is None:
            raise ValueError(f"{self.name} has no transformer: load a saved pipeline")
        return self._runtime

    def __call__(self, doc: Doc) -> Doc:
        """RETURNS (Doc): The doc, with a vector for each token in `doc.tensor`."""
        (doc.tensor,) = self.predict([doc])
        return doc

    def pipe(self, stream: Iterable[Doc], *, batch_size: int) -> Iterator[Doc]:
        """Process docs in batches.

        stream (Iterable[Doc]): Docs.
        batch_size (int): Docs of a batch.
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
        """Compute the vectors of the tokens.

        docs (list[Doc]): A batch.
        RETURNS (list[Floats2d]): The vectors of each doc's tokens; zeros for a token without word
            pieces.
        """
        windows = windows_of(docs, self.window, self.stride)
        if not windows:
            return [np.zeros((0, self.width), dtype="f") for _ in docs]
        encode = (
            self.runtime.tokenizer.encode
        )  # `encode_batch` starts threads, which do not survive forks
        encodings = [encode(window.text) for window in windows]
        pieces = [encoding.ids[: self.max_pieces] for encoding in encodings]
        offsets = np.array(
            [pair for e in encodings for pair in e.offsets[: self.max_pieces]], dtype=np.int64
        )
        n_pieces = np.array([len(ids) for ids in pieces])
        alignment = align(windows, offsets, n_pieces)
        pooled = np.zeros((len(alignment.lengths), self.width), dtype="f")
        if len(alignment.pieces):
            vectors = self._vectors_of_pieces(pieces, n_pieces)
            ends = alignment.lengths.cumsum()
            for start in range(0, len(ends), TOKENS_AT_ONCE):
                tokens = slice(start, start + TOKENS_AT_ONCE)
                lengths = alignment.lengths[tokens]
                of_tokens = alignment.pieces[ends[start] - lengths[0] : ends[tokens][-1]]
                if len(of_tokens):
                    pooled[tokens] = self.pooling.predict(Ragged(vectors[of_tokens], lengths))
        return np.split(pooled, np.cumsum([len(doc) for doc in docs[:-1]]))

    def _vectors_of_pieces(self, pieces: list[list[int]], n_pieces: np.ndarray) -> Floats2d:
        vectors = np.zeros((n_pieces.sum(), self.width), dtype="f")
        start = n_pieces.cumsum() - n_pieces
        for numbers in batches_of(n_pieces, PIECES_AT_ONCE, MAX_PADDING):
            lengths = n_pieces[numbers]
            mask = np.arange(lengths.max()) < lengths[:, None]
            ids = np.zeros(mask.shape, dtype=np.int64)
            ids[mask] = [i for n in numbers for i in pieces[n]]
            inputs = {"input_ids": ids, "attention_mask": mask.astype(np.int64)}
            (found,) = self.runtime.session.run(["vectors"], inputs)
            sequence, place = mask.nonzero()
            vectors[start[numbers][sequence] + place] = found[mask]
        return vectors

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """RETURNS (bytes): The transformer, with a checksum."""
        files = self.runtime.files
        return sealed(util.to_bytes({name: partial(files.get, name) for name in FILES}, exclude))

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> OnnxEncoder:
        """Load what `to_bytes` gave.

        data (bytes): The transformer.
        RAISES (ValueError): If it is damaged.
        """
        self.load(srsly.msgpack_loads(unsealed(data, self.name)))
        return self

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Save the transformer.

        path (str | Path): Folder to write to.
        """
        files = self.runtime.files
        writers = {name: lambda file, n=name: file.write_bytes(files[n]) for name in FILES}
        lines = "".join(f"{checksum_line(name, files[name])}\n" for name in FILES)
        writers[CHECKSUMS_FILE] = lambda file: file.write_text(lines, encoding="utf8")
        util.to_disk(path, writers, exclude)

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> OnnxEncoder:
        """Load what `to_disk` wrote.

        path (str | Path): The folder.
        RAISES (ValueError): If a file is damaged.
        """
        files = {name: (Path(path) / name).read_bytes() for name in FILES}
        checksums = Path(path) / CHECKSUMS_FILE
        lines = checksums.read_bytes().splitlines() if checksums.is_file() else []
        for name, data in files.items():
            if checksum_line(name, data).encode() not in lines:
                raise ValueError(
                    f"{Path(path) / name} does not match {checksums}, so one of the two is damaged "
                    "or missing: install the package again, copy the pipeline again, or export it "
                    "with this version"
                )
        self.load(files)
        return self


@Language.factory(
    "onnx_encoder",
    assigns=["doc.tensor"],
    default_config={
        "pooling": {"@layers": "reduce_mean.v1"},
        "threads": 1,
        "approximate_gelu": False,
    },
)
def create_onnx_encoder(
    nlp: Language,
    name: str,
    pooling: Model[Ragged, Floats2d],
    window: int,
    stride: int,
    max_pieces: int,
    width: int,
    threads: int,
    approximate_gelu: bool,
) -> OnnxEncoder:
    """Create an encoder whose transformer is loaded later."""
    return OnnxEncoder(
        name,
        pooling,
        window=window,
        stride=stride,
        max_pieces=max_pieces,
        width=width,
        threads=threads,
        approximate_gelu=approximate_gelu,
    )


def doc_tensor(width: int) -> Model[list[Doc], list[Floats2d]]:
    """Create a tok2vec that gives the vectors in `doc.tensor`, set by an earlier component.

    width (int): Length of a vector.
    """
    return Model("doc_tensor", _forward, dims={"nO": width})


def _forward(
    model: Model, docs: list[Doc], is_train: bool
) -> tuple[list[Floats2d], Callable[[Any], list]]:
    width = model.get_dim("nO")
    for doc in docs:
        if len(doc) and doc.tensor.shape != (len(doc), width):
            raise ValueError("Tokens have no vectors: enable the pipeline's onnx_encoder")
    return [doc.tensor.reshape(-1, width) for doc in docs], lambda gradients: []
