"""Compare the speed of the fast pipeline with that of others with the same weights.

Both wheels are installed into fresh environments, as users have them, and all is measured in there:
in that of the stock wheel the installed pipeline, and Hugging Face's; in that of the fast wheel the
installed pipeline, and its bare encoder. Each figure comes from a process of its own
(scripts/speed_worker.py).
"""

import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import spacy
import srsly
import torch
import typer
from spacy import util
from spacy.language import Language
from spacy.tokens import DocBin
from spacy.vocab import Vocab
from tqdm import tqdm
from transformers import AutoModelForTokenClassification
from wasabi import MarkdownRenderer, msg

from scripts import registered, speed_worker  # noqa: F401 (for spacy.load)
from scripts.annotations import TAGS
from scripts.output import written_whole
from scripts.sources import hashed, paths_of

QUERIES = 1000
PARAGRAPHS = 100
WORDS_OF_PARAGRAPH = 120
CALLS = 300
BLOCK = 512  # bytes; what st_blocks counts
THREADS = (1, 2)
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "RAYON_NUM_THREADS",
)
INSTRUCTIONS = {"avx2", "avx512f", "avx_vnni", "avx512_vnni", "amx_int8", "asimddp"}
ENVIRONMENTS = {"Hugging Face": "stock", "stock": "stock", "fast": "fast", "bare encoder": "fast"}
"""The environment that each system is measured in."""
BATCH_SIZES = {"Hugging Face": (1, 8, 32), "bare encoder": (8, 32, 128)}
"""What is tried before the rounds, of which the best counts; other systems choose by themselves."""
MEASURES = (
    "queries/s",
    "paragraphs/s",
    "p50 ms",
    "p99 ms",
    "import s",
    "load s",
    "import and load s",
    "memory MB",
)
RATIOS = {
    "queries/s, fast to Hugging Face": ("queries/s", "fast", "Hugging Face"),
    "paragraphs/s, fast to Hugging Face": ("paragraphs/s", "fast", "Hugging Face"),
    "queries/s, fast to bare encoder": ("queries/s", "fast", "bare encoder"),
    "paragraphs/s, fast to bare encoder": ("paragraphs/s", "fast", "bare encoder"),
    "p50, Hugging Face to fast": ("p50 ms", "Hugging Face", "fast"),
    "import and load, stock to fast": ("import and load s", "stock", "fast"),
}
"""A measure, and the systems whose ratio is taken."""
SHOWN = ("spacy", "spacy-transformers", "torch", "transformers", "onnxruntime", "tokenizers")
T = TypeVar("T")
Figures = dict[str, float]


class Run(NamedTuple):
    """One process.

    round (int): The number of the round; 0 for the trial of batch sizes before.
    threads (int): How many threads it had.
    system (str): What it measured.
    """

    round: int
    threads: int
    system: str


class Environment(NamedTuple):
    """An environment in which a wheel is installed.

    python (Path): Its interpreter.
    size (int): The bytes that it takes on disk.
    packages (dict[str, str]): The version of each package.
    """

    python: Path
    size: int
    packages: dict[str, str]


def texts_of(paths: list[Path]) -> list[str]:
    """Read corpora.

    paths (list[Path]): Files as `convert` writes them.
    RETURNS (list[str]): The texts of all their docs.
    """
    texts = []
    for path in paths:
        if not path.is_file():
            msg.fail(f"There is no file {path}", "Mend the path.", exits=1)
        try:
            corpus = DocBin().from_disk(path)
        except ValueError:
            remedy = "Name a .spacy file, as convert writes it."
            msg.fail(f"{path} is no corpus", remedy, exits=1)
        texts += [doc.text for doc in corpus.get_docs(Vocab())]
    if len(texts) < 2:
        msg.fail(f"{len(texts)} texts, but 2 are needed", "Name a larger corpus.", exits=1)
    return texts


def paragraphs_of(texts: list[str], words: int) -> list[str]:
    """Join consecutive texts.

    texts (list[str]): Short texts.
    words (int): How many words, between white space, a paragraph has at least; the last may have
        fewer.
    RETURNS (list[str]): Paragraphs, which hold each text once.
    """
    paragraphs, joined, n_words = [], [], 0
    for text in texts:
        joined.append(text)
        n_words += len(text.split())
        if n_words >= words:
            paragraphs.append(". ".join(joined))
            joined, n_words = [], 0
    return [*paragraphs, ". ".join(joined)] if joined else paragraphs


def spread(items: Sequence[T], most: int) -> list[T]:
    """RETURNS (list[T]): At most so many of the items, from all over them."""
    n = min(most, len(items))
    return [items[i * len(items) // n] for i in range(n)]


def wheel_of(package: Path) -> Path:
    """RETURNS (Path): The wheel in a package's folder."""
    return _only(package, "dist/*.whl")


def pipeline_of(package: Path) -> Path:
    """RETURNS (Path): The saved pipeline in a package's folder."""
    return _only(package, "*/*/config.cfg").parent


def settings_of(package: Path, component: str) -> dict[str, Any]:
    """RETURNS (dict[str, Any]): How a component of a package's pipeline is configured."""
    components = util.load_config(pipeline_of(package) / "config.cfg")["components"]
    if component not in components:
        remedy = "Name the stock package first, then the fast one."
        msg.fail(f"{package}: its pipeline has no {component}", remedy, exits=1)
    return components[component]


def _only(package: Path, pattern: str) -> Path:
    found = list(package.glob(pattern))
    if len(found) != 1:
        remedy = "Name a folder that package has written."
        msg.fail(f"{package}: {len(found)} files {pattern}, but 1 is needed", remedy, exits=1)
    return found[0]


def save_token_classifier(nlp: Language, folder: Path) -> None:
    """Save the transformer of a pipeline as a token classifier that calls every word piece O.

    nlp (Language): A trained pipeline with a `transformer`.
    folder (Path): Where Hugging Face's pipeline finds it.
    """
    model = nlp.get_pipe("transformer").model
    config = deepcopy(model.transformer.config)
    config.id2label = dict(enumerate(TAGS))
    config.label2id = {tag: number for number, tag in enumerate(TAGS)}
    classifier = AutoModelForTokenClassification.from_config(config)
    inner = classifier.base_model
    weights = model.transformer.state_dict()
    # Those of the pooler, which a token classifier lacks, are left.
    inner.load_state_dict({name: weights[name] for name in inner.state_dict()})
    with torch.no_grad():
        classifier.classifier.weight.zero_()
        classifier.classifier.bias.zero_()
        classifier.classifier.bias[TAGS.index("O")] = 1.0
    classifier.save_pretrained(folder)
    model.tokenizer.save_pretrained(folder)


def environment(wheel: Path, folder: Path, constraints: Path) -> Environment:
    """Install a wheel into a fresh environment.

    wheel (Path): The wheel.
    folder (Path): Where to make the environment.
    constraints (Path): The versions to install, for pip.
    RETURNS (Environment): The environment, whose size counts pip too.
    """
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    pip = [python, "-m", "pip"]
    install = [*pip, "install", "--quiet", wheel.resolve(), "-c", constraints.resolve()]
    installed = subprocess.run(install, capture_output=True, text=True, check=False)
    if installed.returncode:
        msg.fail(f"{wheel} was not installed", installed.stderr, exits=1)
    size = sum(BLOCK * path.lstat().st_blocks for path in folder.rglob("*"))
    listed = subprocess.run(
        [*pip, "list", "--format", "json"], capture_output=True, text=True, check=True
    )
    packages = {row["name"]: row["version"] for row in srsly.json_loads(listed.stdout)}
    return Environment(python, size, packages)


def run_worker(python: Path, job: dict[str, Any]) -> dict[str, Any]:
    """Have a job done in a process of its own.

    python (Path): The interpreter of its environment.
    job (dict[str, Any]): See `speed_worker.measure`.
    RETURNS (dict[str, Any]): What it measured.
    """
    variables = dict.fromkeys(THREAD_VARIABLES, str(job["threads"]))
    with tempfile.TemporaryDirectory() as folder:
        job_path, result_path = Path(folder) / "job.json", Path(folder) / "result.json"
        srsly.write_json(job_path, job)
        # Isolated (-I), it does not see the modules that stand beside the worker's.
        worker = subprocess.run(
            [python, "-I", speed_worker.__file__, job_path, result_path],
            cwd=folder,
            env={**os.environ, **variables, "HF_HUB_OFFLINE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        if worker.returncode:
            msg.fail(f"{job['system']} could not be measured", worker.stderr, exits=1)
        return srsly.read_json(result_path)


def figures_of(result: dict[str, Any]) -> Figures:
    """RETURNS (Figures): What a worker measured with one batch size, by the names in MEASURES."""
    ((queries,), (paragraphs,)) = result["rates"].values()
    values = (
        queries,
        paragraphs,
        1000 * result["p50"],
        1000 * result["p99"],
        result["import"],
        result["load"],
        result["import"] + result["load"],
        result["memory"] / 1e6,
    )
    return dict(zip(MEASURES, values, strict=True))


def conduct(
    pythons: dict[str, Path], jobs: dict[str, dict[str, Any]], rounds: int
) -> tuple[dict[Run, Figures], list[dict[str, Any]]]:
    """Try batch sizes, then measure all systems, one after the other, in each round.

    pythons (dict[str, Path]): The interpreter of each environment.
    jobs (dict[str, dict[str, Any]]): What the worker has to know of each system.
    rounds (int): How many rounds.
    RETURNS (tuple[dict[Run, Figures], list[dict[str, Any]]]): What each run of the rounds found;
        and for each trial `threads`, `system`, the kind of `texts`, the rates that were `found` by
        batch size, and which was `chosen`.
    """
    plan = [Run(0, threads, system) for threads in THREADS for system in BATCH_SIZES]
    numbers = range(1, rounds + 1)
    plan += [Run(n, threads, system) for n in numbers for threads in THREADS for system in jobs]
    chosen: dict[tuple[int, str], dict[str, tuple[int]]] = {}
    measured, trials = {}, []
    bar = tqdm(plan, desc="runs", unit="", disable=None)
    for done, run in enumerate(bar, start=1):
        job, key = {**jobs[run.system], "threads": run.threads}, (run.threads, run.system)
        python = pythons[ENVIRONMENTS[run.system]]
        if run.round == 0:
            tried = BATCH_SIZES[run.system]
            sizes = dict.fromkeys(job["texts"], tried)
            rates = run_worker(python, {**job, "batch_sizes": sizes})["rates"]
            chosen[key] = {}
            for kind, found in rates.items():
                by_size = dict(zip(tried, found, strict=True))
                best = max(by_size, key=by_size.__getitem__)
                chosen[key][kind] = (best,)
                trial = {"threads": run.threads, "system": run.system, "texts": kind}
                trials.append({**trial, "found": by_size, "chosen": best})
        else:
            sizes = chosen.get(key, dict.fromkeys(job["texts"], (None,)))
            measured[run] = figures_of(run_worker(python, {**job, "batch_sizes": sizes}))
        if bar.disable:
            step = f"round {run.round} of {rounds}" if run.round else "batch sizes"
            msg.text(f"{done}/{len(plan)}: {step}, {run.system}, threads: {run.threads}")
    return measured, trials


def summarize(values: list[float]) -> dict[str, Any]:
    """RETURNS (dict[str, Any]): Values of the `rounds`, their `median`, `min` and `max`."""
    return {
        "rounds": values,
        "median": statistics.median(values),
        "min": min(values),
        "max": max(values),
    }


def compare(measured: dict[Run, Figures], rounds: int) -> dict[str, Any]:
    """Put what the rounds found together.

    measured (dict[Run, Figures]): What each run found.
    rounds (int): How many rounds there were.
    RETURNS (dict[str, Any]): By number of threads, `figures` of each system by the names in
        MEASURES, and `ratios` by the names in RATIOS, each taken within a round.
    """
    numbers = range(1, rounds + 1)

    def values(threads: int, system: str, measure: str) -> list[float]:
        return [measured[Run(n, threads, system)][measure] for n in numbers]

    figures = {
        str(threads): {
            system: {m: summarize(values(threads, system, m)) for m in MEASURES}
            for system in ENVIRONMENTS
        }
        for threads in THREADS
    }
    ratios = {
        str(threads): {
            name: summarize(
                [
                    a / b
                    for a, b in zip(
                        values(threads, over, measure), values(threads, under, measure), strict=True
                    )
                ]
            )
            for name, (measure, over, under) in RATIOS.items()
        }
        for threads in THREADS
    }
    return {"figures": figures, "ratios": ratios}


def machine() -> dict[str, Any]:
    """RETURNS (dict[str, Any]): The machine, and how busy it was (Linux alone)."""
    info = Path("/proc/cpuinfo").read_text(encoding="utf8")
    model = re.search(r"^model name\s*:\s*(.+)$", info, re.MULTILINE)
    return {
        "cpu": model[1] if model else platform.machine(),
        "instructions": sorted(INSTRUCTIONS.intersection(info.split())),
        "cores": os.cpu_count(),
        "load_average": os.getloadavg()[0],
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def describe(document: dict[str, Any]) -> str:
    """RETURNS (str): What was measured, and how."""
    found = document["machine"]
    texts = " and ".join(
        f"{text['count']} {kind} ({text['words']:.1f} words on average)"
        for kind, text in document["texts"].items()
    )
    return (
        f"{found['cpu']} ({', '.join(found['instructions'])}), {found['cores']} cores, load "
        f"average {found['load_average']:.1f} before; Python {found['python']}. {texts}. Medians "
        f"of {document['rounds']} rounds, in each of which every system ran once in a process of "
        "its own (least to most); ratios are taken within rounds. All have the same fine-tuned "
        f"weights, the fast pipeline and the bare encoder in {document['precision']}, the others "
        "in fp32. Hugging Face: its pipeline for token classification with the strategy simple, in "
        "the environment of the stock wheel, texts in the order of the corpus, at the best of the "
        "batch sizes "
        f"{', '.join(map(str, BATCH_SIZES['Hugging Face']))}. It is favoured: its head calls all "
        "words O, so that it has no entities to put together. Bare encoder: ONNX Runtime alone on "
        "texts that are encoded and sorted by length beforehand, each read whole, where the "
        "pipelines read long ones in windows that overlap, at the best of the batch sizes "
        f"{', '.join(map(str, BATCH_SIZES['bare encoder']))}. "
        f"p50 and p99 are of {document['calls']} single calls on queries. Memory is the most that "
        "a process held. MB are millions of bytes."
    )


def number(value: float) -> str:
    """RETURNS (str): A positive number with three digits or more."""
    return f"{value:,.{0 if value >= 100 else 1 if value >= 10 else 2}f}"


def to_markdown(document: dict[str, Any]) -> str:
    """Lay a comparison out as Markdown.

    document (dict[str, Any]): What `main` writes as JSON.
    """
    markdown = MarkdownRenderer()
    markdown.add(document["description"])

    def cell(value: dict[str, Any]) -> str:
        return f"{number(value['median'])} ({number(value['min'])} to {number(value['max'])})"

    for threads, systems in document["figures"].items():
        rows = [(name, *(cell(found[m]) for m in MEASURES)) for name, found in systems.items()]
        table = markdown.table(rows, ("system", *MEASURES))
        markdown.add(f"Threads: {threads}\n\n{table}")
    columns = list(document["ratios"])
    rows = [(name, *(cell(document["ratios"][t][name]) for t in columns)) for name in RATIOS]
    header = ("ratio", *(f"threads: {threads}" for threads in columns))
    markdown.add(f"Ratios\n\n{markdown.table(rows, header)}")
    rows = []
    for found in document["environments"].values():
        versions = {name: found["packages"].get(name) for name in SHOWN}
        shown = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
        sizes = (number(found["wheel_mb"]), number(found["installed_mb"]))
        rows.append((found["wheel"], *sizes, f"{len(found['packages'])} packages: {shown}, ..."))
    header = ("wheel", "wheel MB", "installed MB", "installed")
    markdown.add(f"Fresh environments, pip included\n\n{markdown.table(rows, header)}")
    return markdown.text


def main(
    stock: Path = typer.Argument(..., help="Folder of the stock package", exists=True),
    fast: Path = typer.Argument(..., help="Folder of the fast package", exists=True),
    corpora: str = typer.Argument(..., help="Corpora to take texts from, comma-separated"),
    output: Path = typer.Argument(..., help="JSON file to write; the table is written beside it"),
    rounds: int = typer.Option(5, min=1, help="How often to measure each system"),
    constraints_path: Path = typer.Option(
        Path("constraints.txt"), help="Versions to install, for pip", exists=True
    ),
) -> None:
    """Compare the speed of the stock and the fast package, and of others with their weights."""
    paths = paths_of(corpora)
    every = texts_of(paths)
    packages = {"stock": stock, "fast": fast}
    wheels = {name: wheel_of(package) for name, package in packages.items()}
    settings_of(stock, "transformer")
    settings = settings_of(fast, "onnx_encoder")
    texts = {
        "queries": spread(every, QUERIES),
        "paragraphs": spread(paragraphs_of(every, WORDS_OF_PARAGRAPH), PARAGRAPHS),
    }
    document: dict[str, Any] = {
        "machine": machine(),
        "files": hashed(paths),
        "texts": {
            kind: {"count": len(some), "words": statistics.mean(len(t.split()) for t in some)}
            for kind, some in texts.items()
        },
        "calls": min(CALLS, len(texts["queries"])),
        "rounds": rounds,
        "precision": util.get_model_meta(pipeline_of(fast))["fast"]["precision"],
        "environments": {},
    }
    pythons = {}
    with tempfile.TemporaryDirectory() as temporary:
        for name, wheel in wheels.items():
            msg.text(f"Installing {wheel.name} into a fresh environment")
            made = environment(wheel, Path(temporary) / name, constraints_path)
            pythons[name] = made.python
            document["environments"][name] = {
                "wheel": wheel.name,
                "wheel_mb": wheel.stat().st_size / 1e6,
                "installed_mb": made.size / 1e6,
                "packages": made.packages,
            }
        classifier = Path(temporary) / "classifier"
        save_token_classifier(spacy.load(pipeline_of(stock)), classifier)
        sources = {
            "Hugging Face": str(classifier),
            **{name: wheel.name.split("-")[0] for name, wheel in wheels.items()},
            "bare encoder": str(pipeline_of(fast).resolve() / "onnx_encoder"),
        }
        shared = {name: settings[name] for name in ("max_pieces", "approximate_gelu")}
        common = {"texts": texts, "calls": CALLS, **shared}
        jobs = {name: {"system": name, "source": sources[name], **common} for name in ENVIRONMENTS}
        measured, trials = conduct(pythons, jobs, rounds)
    document |= {"batch_sizes": trials, **compare(measured, rounds)}
    document = {"description": describe(document), **document}
    text = to_markdown(document)
    with written_whole(output) as path:
        srsly.write_json(path, document)
    with written_whole(output.with_suffix(".md")) as path:
        path.write_text(text + "\n", encoding="utf8")
    print(text)


if __name__ == "__main__":
    typer.run(main)
