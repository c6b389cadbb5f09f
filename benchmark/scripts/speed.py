"""The speed of the stock and the fast package, of Hugging Face's pipeline and of the bare encoder.

Both packages are installed into fresh environments, as users have them. Each measurement runs in a
process of its own in one of these (speed_worker.py).
"""

import os
import platform
import re
import subprocess
import sys
import tempfile
from copy import deepcopy
from pathlib import Path
from typing import Any

import pandas as pd
import spacy
import srsly
import torch
import typer
from spacy import util
from spacy.language import Language
from transformers import AutoModelForTokenClassification
from wasabi import msg

from music_ner.command import run_command
from music_ner.data.query import TAGS

from .reporting import write_report
from .texts import evenly, read_texts

WORKER = Path(__file__).with_name("speed_worker.py")
N_QUERIES = 1000
N_PARAGRAPHS = 100
WORDS_OF_PARAGRAPH = 120
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
RATIOS = (
    ("queries/s", "fast", "Hugging Face"),
    ("paragraphs/s", "fast", "Hugging Face"),
    ("queries/s", "fast", "bare encoder"),
    ("paragraphs/s", "fast", "bare encoder"),
    ("p50 ms", "Hugging Face", "fast"),
    ("import and load s", "stock", "fast"),
)


def paragraphs_of(texts: list[str], words: int) -> list[str]:
    """Join consecutive texts to paragraphs of at least so many words; the last may have fewer."""
    paragraphs: list[list[str]] = [[]]
    for text in texts:
        if len(" ".join(paragraphs[-1]).split()) >= words:
            paragraphs.append([])
        paragraphs[-1].append(text)
    return [". ".join(paragraph) for paragraph in paragraphs if paragraph]


def save_token_classifier(nlp: Language, folder: Path) -> None:
    """Save a pipeline's transformer as a token classifier that tags every word piece with O.

    nlp (Language): A trained pipeline with a `transformer`.
    folder (Path): Where Hugging Face's pipeline finds the classifier.
    """
    model = nlp.get_pipe("transformer").model
    config = deepcopy(model.transformer.config)
    config.id2label = dict(enumerate(TAGS))
    classifier = AutoModelForTokenClassification.from_config(config)
    weights = model.transformer.state_dict()
    inner = classifier.base_model  # without the pooler, which a token classifier lacks
    inner.load_state_dict({name: weights[name] for name in inner.state_dict()})
    with torch.no_grad():
        classifier.classifier.weight.zero_()
        classifier.classifier.bias.zero_()
        classifier.classifier.bias[TAGS.index("O")] = 1.0
    classifier.save_pretrained(folder)
    model.tokenizer.save_pretrained(folder)


def install(package: str, wheels: Path, folder: Path, constraints: Path) -> tuple[Path, float]:
    """Install a package into a fresh environment.

    package (str): Its name.
    wheels (Path): Folder of the wheels.
    folder (Path): Where to make the environment.
    constraints (Path): The versions to install, for pip.
    RETURNS (tuple[Path, float]): The environment's interpreter, and its size in MB.
    """
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    options = ["--find-links", wheels.resolve(), "--constraint", constraints.resolve()]
    command = [python, "-m", "pip", "install", "--quiet", package, *options]
    installed = subprocess.run(command, capture_output=True, text=True, check=False)
    if installed.returncode:
        msg.fail(f"{package} could not be installed from {wheels}", installed.stderr, exits=1)
    size = sum(path.lstat().st_size for path in folder.rglob("*"))
    return python, size / 1e6


def run_worker(python: Path, job: dict[str, Any]) -> dict[str, float]:
    """RETURNS (dict[str, float]): What `speed_worker.measure` finds in an environment."""
    variables = dict.fromkeys(THREAD_VARIABLES, str(job["threads"]))
    with tempfile.TemporaryDirectory() as folder:
        job_path, result_path = Path(folder) / "job.json", Path(folder) / "result.json"
        srsly.write_json(job_path, job)
        # Isolated (-I), it cannot import this project.
        worker = subprocess.run(
            [python, "-I", WORKER, job_path, result_path],
            env={**os.environ, **variables, "HF_HUB_OFFLINE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        if worker.returncode:
            msg.fail(f"{job['system']} could not be measured", worker.stderr, exits=1)
        return srsly.read_json(result_path)


def summarize(values: pd.Series) -> str:
    """RETURNS (str): Median, minimum and maximum."""
    return f"{values.median():.3g} ({values.min():.3g} to {values.max():.3g})"


def ratios(measured: pd.DataFrame) -> pd.DataFrame:
    """Compare systems within rounds, so that a slow round does not count.

    measured (pd.DataFrame): A row for each `round`, `threads` and `system`.
    RETURNS (pd.DataFrame): RATIOS by the number of threads.
    """
    rounds = measured.pivot(index=["round", "threads"], columns="system")
    found = {
        f"{measure}, {one} / {other}": rounds[measure, one] / rounds[measure, other]
        for measure, one, other in RATIOS
    }
    return pd.DataFrame(found).groupby("threads").agg(summarize).T.rename_axis("ratio")


def main(
    wheels: Path = typer.Argument(..., help="Folder of the wheels", exists=True),
    model: Path = typer.Argument(..., help="The pipeline of the stock package", exists=True),
    fast_model: Path = typer.Argument(..., help="The pipeline of the fast package", exists=True),
    corpus: Path = typer.Argument(..., help="Corpus to take texts from", exists=True),
    output: Path = typer.Argument(..., help="Markdown file to write"),
    name: str = typer.Option("music_ner", help="The packages are en_NAME and en_NAME_fast"),
    rounds: int = typer.Option(5, min=1, help="How often to measure each system"),
    threads: list[int] = typer.Option([1, 2], help="Numbers of threads"),
    constraints: Path = typer.Option(..., help="Versions to install, for pip", exists=True),
) -> None:
    """Measure the systems in turn. Do not run anything else meanwhile."""
    texts = read_texts(corpus)
    common = {
        "queries": evenly(texts, N_QUERIES),
        "paragraphs": evenly(paragraphs_of(texts, WORDS_OF_PARAGRAPH), N_PARAGRAPHS),
    }
    encoder = util.load_config(fast_model / "config.cfg")["components"]["onnx_encoder"]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        save_token_classifier(spacy.load(model), folder / "classifier")
        environments = {
            package: install(package, wheels, folder / package, constraints)
            for package in (f"en_{name}", f"en_{name}_fast")
        }
        (stock, _), (fast, _) = environments.values()
        systems = {
            "Hugging Face": (stock, {"source": str(folder / "classifier")}),
            "stock": (stock, {"source": f"en_{name}", "config": {}}),
            "fast": (fast, {"source": f"en_{name}_fast"}),
            "bare encoder": (fast, {"source": str((fast_model / "onnx_encoder").resolve())}),
        }
        rows = []
        for number in range(1, rounds + 1):
            for n_threads in threads:
                for system, (python, job) in systems.items():
                    msg.text(f"Round {number} of {rounds}, threads: {n_threads}, {system}")
                    options = {"threads": n_threads, "system": system}
                    if system == "fast":
                        job["config"] = {"components.onnx_encoder.threads": n_threads}
                    kept = {key: encoder[key] for key in ("max_pieces", "approximate_gelu")}
                    found = run_worker(python, {**common, **kept, **job, **options})
                    rows.append({"round": number, **options, **found})
    measured = pd.DataFrame(rows)
    by_system = measured.drop(columns="round").groupby(["threads", "system"], sort=False)
    cpu = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text("utf8"))
    notes = [
        f"{cpu[1] if cpu else platform.machine()}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}. {len(common['queries'])} queries and "
        f"{len(common['paragraphs'])} paragraphs of {corpus.name}. Median (minimum to maximum) of "
        f"{rounds} rounds. All systems have the same encoder weights. Hugging Face: its pipeline "
        "for token classification. Bare encoder: ONNX Runtime, texts encoded and sorted "
        "beforehand. These two use the best of several batch sizes.",
        *(
            f"{package} takes {size:.0f} MB with pip."
            for package, (_, size) in environments.items()
        ),
    ]
    parts = {
        f"Threads: {n_threads}": [group.droplevel("threads")]
        for n_threads, group in by_system.agg(summarize).groupby("threads")
    }
    write_report(output, notes, {**parts, "Ratios within rounds": [ratios(measured)]})


if __name__ == "__main__":
    run_command(main)
