import gc
import io
import os
import shutil
import statistics
import subprocess
import sys
import sysconfig
import zipfile
from contextlib import redirect_stdout
from pathlib import Path

import pytest
import spacy
import srsly
from hypothesis import given
from hypothesis import strategies as st
from spacy.cli.package import package
from transformers import pipeline

from scripts import speed, speed_worker
from scripts.annotations import TAGS
from scripts.package import code_of
from scripts.speed import (
    BATCH_SIZES,
    ENVIRONMENTS,
    MEASURES,
    RATIOS,
    Environment,
    Run,
    compare,
    environment,
    main,
    number,
    paragraphs_of,
    run_worker,
    save_token_classifier,
    spread,
)
from tests.conftest import QUERIES, ROOT

CONSTRAINTS = ROOT / "constraints.txt"
HEAVY = ("torch", "functorch", "transformers", "spacy_transformers", "span_marker")


@pytest.fixture(scope="module")
def packages(tiny_model, tiny_fast, tmp_path_factory):
    """The folders of a stock and a fast package of the tiny pipeline, each with its wheel."""
    folder = tmp_path_factory.mktemp("packages")
    for model, name in ((tiny_model, "tiny"), (tiny_fast, "tiny_fast")):
        options = {"name": name, "version": "1.0.0", "create_sdist": False}
        package(model, folder, code_paths=code_of(model), **options)
        build = [sys.executable, "-m", "build", "--wheel", "--no-isolation"]
        subprocess.run([*build, folder / f"en_{name}-1.0.0"], check=True, capture_output=True)
    return {"stock": folder / "en_tiny-1.0.0", "fast": folder / "en_tiny_fast-1.0.0"}


def borrowing_environment(wheel: Path, folder: Path, constraints: Path) -> Environment:
    """An environment that has the wheel, and this environment's packages instead of fresh ones.

    That of the fast wheel goes without the packages that it is meant to do without.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (packages,) = folder.glob("lib/*/site-packages")
    left_out = HEAVY if wheel.name.startswith("en_tiny_fast") else ()
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if not path.name.startswith(left_out):
            (packages / path.name).symlink_to(path)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    return Environment(folder / "bin" / "python", 5_000_000, {"spacy": spacy.__version__})


@pytest.fixture(scope="module")
def result(packages, tiny_corpus, tmp_path_factory):
    """What the command finds of tiny packages with one thread in two rounds, its table, its log.

    Fresh environments of all that the stock package needs would take minutes.
    """
    output = tmp_path_factory.mktemp("metrics") / "speed.json"
    corpora = f"{tiny_corpus / 'train.spacy'},{tiny_corpus / 'dev.spacy'}"
    log = io.StringIO()
    with pytest.MonkeyPatch.context() as monkeypatch, redirect_stdout(log):
        monkeypatch.setattr(speed, "environment", borrowing_environment)
        monkeypatch.setattr(speed, "THREADS", (1,))
        monkeypatch.setattr(speed, "QUERIES", 30)
        main(*packages.values(), corpora, output, rounds=2, constraints_path=CONSTRAINTS)
    table = output.with_suffix(".md").read_text(encoding="utf8")
    return srsly.read_json(output), table, log.getvalue()


def test_every_system_has_positive_figures_of_every_round(result):
    document, *_ = result
    (figures,) = document["figures"].values()
    assert list(figures) == list(ENVIRONMENTS)
    for measures in figures.values():
        assert list(measures) == list(MEASURES)
        for measure in measures.values():
            assert len(measure["rounds"]) == document["rounds"] == 2
            assert measure["min"] == min(measure["rounds"]) > 0
            assert measure["max"] == max(measure["rounds"])
            assert measure["median"] == pytest.approx(statistics.median(measure["rounds"]))


def test_figures_are_consistent_with_each_other(result):
    figures = result[0]["figures"]["1"]
    for measures in figures.values():
        rounds = {name: measure["rounds"] for name, measure in measures.items()}
        for i in range(2):
            assert rounds["p50 ms"][i] <= rounds["p99 ms"][i]
            total = rounds["import s"][i] + rounds["load s"][i]
            assert rounds["import and load s"][i] == pytest.approx(total)
            assert all(values[i] > 0 for values in rounds.values())


def test_ratios_are_taken_round_by_round(result):
    document, *_ = result
    figures, ratios = document["figures"]["1"], document["ratios"]["1"]
    assert list(ratios) == list(RATIOS)
    fast, peer = (figures[name]["queries/s"]["rounds"] for name in ("fast", "Hugging Face"))
    expected = [ours / theirs for ours, theirs in zip(fast, peer, strict=True)]
    assert ratios["queries/s, fast to Hugging Face"]["rounds"] == pytest.approx(expected)
    peer, fast = (figures[name]["p50 ms"]["rounds"] for name in ("Hugging Face", "fast"))
    expected = statistics.median(theirs / ours for ours, theirs in zip(fast, peer, strict=True))
    assert ratios["p50, Hugging Face to fast"]["median"] == pytest.approx(expected)


def test_systems_take_turns_after_batch_sizes_were_tried(result):
    lines = [line for line in result[2].splitlines() if "threads: 1" in line and "/10:" in line]
    steps = [tuple(line.split(": ", 1)[1].split(", ")[:2]) for line in lines]
    expected = [("batch sizes", name) for name in BATCH_SIZES]
    expected += [(f"round {n} of 2", name) for n in (1, 2) for name in ENVIRONMENTS]
    assert steps == expected


def test_ratios_of_rounds_in_which_the_machine_was_slower_are_not_mixed_with_others():
    measured = {}
    for n, speed_of_machine in enumerate([1.0, 2.0, 4.0], start=1):
        for threads in (1, 2):
            for name in ENVIRONMENTS:
                value = speed_of_machine * threads * (3.0 if name == "fast" else 1.0)
                measured[Run(n, threads, name)] = dict.fromkeys(MEASURES, value)
    found = compare(measured, 3)
    assert found["ratios"]["2"]["queries/s, fast to bare encoder"]["rounds"] == [3.0, 3.0, 3.0]
    assert found["figures"]["2"]["fast"]["load s"]["rounds"] == [6.0, 12.0, 24.0]
    assert found["figures"]["1"]["stock"]["load s"]["median"] == 2.0


def test_the_best_of_all_batch_sizes_tried_is_chosen(result):
    trials = result[0]["batch_sizes"]
    tried = {(trial["system"], trial["texts"]) for trial in trials}
    assert tried == {(name, kind) for name in BATCH_SIZES for kind in ("queries", "paragraphs")}
    for trial in trials:
        assert list(trial["found"]) == [str(size) for size in BATCH_SIZES[trial["system"]]]
        assert trial["found"][str(trial["chosen"])] == max(trial["found"].values())


def test_the_fast_pipeline_needs_less_memory_and_time_to_load(result):
    figures = result[0]["figures"]["1"]
    for measure in ("import s", "load s"):
        assert figures["fast"][measure]["max"] < figures["stock"][measure]["min"]
    memory = {name: figures[name]["memory MB"]["median"] for name in figures}
    assert memory["bare encoder"] < memory["fast"] < memory["stock"]


def test_texts_machine_and_environments_are_described(result, packages):
    document, *_ = result
    assert [Path(file["path"]).name for file in document["files"]] == ["train.spacy", "dev.spacy"]
    assert document["texts"]["queries"]["count"] == document["calls"] == 30
    n_words = 8 * sum(len(line.split()) for line in QUERIES)
    assert document["texts"]["paragraphs"]["count"] == n_words // 120 + 1
    assert document["machine"]["cores"] == os.cpu_count()
    for name, found in document["environments"].items():
        (wheel,) = (packages[name] / "dist").iterdir()
        assert found["wheel"] == wheel.name
        assert found["wheel_mb"] == pytest.approx(wheel.stat().st_size / 1e6)
        assert found["installed_mb"] == 5
        assert found["packages"] == {"spacy": spacy.__version__}


def test_the_table_says_what_was_measured_on_what(result):
    document, table, log = result
    assert table.strip() in log
    assert document["description"] in table
    assert document["machine"]["cpu"] in document["description"]
    for name in (*ENVIRONMENTS, *RATIOS, "en_tiny_fast-1.0.0-py3-none-any.whl"):
        assert f"| {name} |" in table
    for found in document["ratios"]["1"].values():
        assert f"| {number(found['median'])} ({number(found['min'])} to " in table


@pytest.mark.parametrize(
    ("value", "text"), [(0.123, "0.12"), (9.5, "9.50"), (12.34, "12.3"), (1234.5, "1,234")]
)
def test_numbers_have_three_digits_or_more(value, text):
    assert number(value) == text


def job(system, source, **options):
    texts = {"queries": ["more like sade", "more like korn"], "paragraphs": ["funk. " * 600]}
    sizes = dict.fromkeys(texts, (None,))
    encoder = {"max_pieces": 512, "approximate_gelu": True}
    defaults = {"threads": 1, "texts": texts, "batch_sizes": sizes, "calls": 2, **encoder}
    return {"system": system, "source": str(source), **defaults, **options}


@pytest.mark.parametrize("threads", [1, 2])
def test_a_worker_has_the_threads_asked_for(threads, monkeypatch, tmp_path):
    worker = tmp_path / "worker.py"
    worker.write_text(
        "import json, sys, torch\njson.dump(torch.get_num_threads(), open(sys.argv[2], 'w'))\n",
        encoding="utf8",
    )
    monkeypatch.setattr(speed_worker, "__file__", str(worker))
    assert run_worker(Path(sys.executable), job("stock", "x", threads=threads)) == threads


@pytest.mark.parametrize("system", ["fast", "bare encoder"])
def test_onnx_runtime_has_the_threads_asked_for(tiny_fast, system):
    gc.collect()  # sessions of other tests
    source = tiny_fast if system == "fast" else tiny_fast / "onnx_encoder"
    before = len(list(Path("/proc/self/task").iterdir()))
    reader = speed_worker.SYSTEMS[system].load(job(system, source, threads=3))
    assert len(list(Path("/proc/self/task").iterdir())) == before + 2
    reader.one("more like sade")()


def test_a_worker_sees_no_modules_that_stand_beside_it(monkeypatch, tmp_path):
    worker = tmp_path / "worker.py"
    worker.write_text(
        "import json, sys\njson.dump(sys.path, open(sys.argv[2], 'w'))\n", encoding="utf8"
    )
    monkeypatch.setattr(speed_worker, "__file__", str(worker))
    paths = run_worker(Path(sys.executable), job("stock", "x"))
    assert paths
    assert not {"", str(tmp_path), str(ROOT)}.intersection(paths)


def test_texts_too_long_for_the_encoder_are_measured_as_far_as_it_reads(tiny_fast):
    sizes = {"queries": (1, 2), "paragraphs": (1,)}
    result = speed_worker.measure(
        job("bare encoder", tiny_fast / "onnx_encoder", batch_sizes=sizes)
    )
    assert [len(rates) for rates in result["rates"].values()] == [2, 1]


def test_memory_is_that_of_the_process_alone():
    held = b"x" * 500_000_000
    code = "from scripts.speed_worker import peak_memory; print(peak_memory())"
    run = [sys.executable, "-c", code]
    found = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=True)
    assert 1_000_000 < int(found.stdout) < len(held) / 5
    assert speed_worker.peak_memory() > len(held)


def test_a_system_that_cannot_be_measured_ends_the_command(capsys):
    with pytest.raises(SystemExit) as exit:
        run_worker(Path(sys.executable), job("stock", "en_no_such_pipeline"))
    assert exit.value.code == 1
    out = capsys.readouterr().out
    assert "stock could not be measured" in out
    assert "en_no_such_pipeline" in out


def test_the_peer_has_the_fine_tuned_weights_and_finds_nothing(tiny_model, tmp_path):
    nlp = spacy.load(tiny_model)
    save_token_classifier(nlp, tmp_path)
    find = pipeline("token-classification", str(tmp_path), aggregation_strategy="simple")
    assert find(QUERIES) == [[] for _ in QUERIES]
    find = pipeline("token-classification", str(tmp_path), ignore_labels=[])
    assert {found["entity"] for found in find("more like sade")} == {"O"}
    model = find.model
    assert list(model.config.id2label.values()) == list(TAGS)
    assert not model.config.output_hidden_states
    trained = nlp.get_pipe("transformer").model.transformer.state_dict()
    for name, weights in model.base_model.state_dict().items():
        assert weights.equal(trained[name])


texts_strategy = st.lists(st.text("ab .", min_size=1))


@given(texts_strategy, st.integers(1, 20))
def test_paragraphs_hold_each_text_once_in_order(texts, words):
    assert ". ".join(paragraphs_of(texts, words)) == ". ".join(texts)


@given(st.lists(st.integers(1, 12), min_size=1), st.integers(1, 20))
def test_paragraphs_have_the_words_asked_for_and_less_than_a_text_more(lengths, words):
    paragraphs = paragraphs_of([" ".join(["word"] * length) for length in lengths], words)
    assert all(words <= len(p.split()) < words + 12 for p in paragraphs[:-1])
    assert 0 < len(paragraphs[-1].split()) < words + 12


def test_texts_are_taken_from_all_over_the_corpus():
    assert spread(range(10), 3) == [0, 3, 6]
    assert spread(range(3), 10) == [0, 1, 2]


@pytest.fixture
def wheel(tmp_path):
    """A wheel, by hand, of a module without requirements."""
    path = tmp_path / "en_small-1.2.3-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("en_small.py", "#" * 3_000_000)
        information = "en_small-1.2.3.dist-info"
        archive.writestr(f"{information}/METADATA", "Name: en_small\nVersion: 1.2.3\n")
        archive.writestr(f"{information}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{information}/RECORD", "")
    return path


def test_an_environment_has_the_wheel_and_nothing_of_this_one(wheel, tmp_path):
    made = environment(wheel, tmp_path / "made", CONSTRAINTS)
    assert made.packages["en_small"] == "1.2.3"
    assert "spacy" not in made.packages
    assert 3_000_000 < made.size < 100_000_000
    run = [made.python, "-I", "-c", "import en_small; print(en_small.__file__)"]
    found = subprocess.run(run, capture_output=True, text=True, check=True).stdout
    assert found.startswith(str(tmp_path / "made"))


def test_a_wheel_that_cannot_be_installed_ends_the_command(wheel, tmp_path, capsys):
    constraints = tmp_path / "constraints.txt"
    constraints.write_text("en_small==2.0\n", encoding="utf8")
    with pytest.raises(SystemExit) as exit:
        environment(wheel, tmp_path / "made", constraints)
    assert exit.value.code == 1
    assert "was not installed" in capsys.readouterr().out


def run_main(packages, corpora, tmp_path, capsys):
    with pytest.raises(SystemExit) as exit:
        main(*packages, corpora, tmp_path / "x.json", rounds=1, constraints_path=CONSTRAINTS)
    assert exit.value.code == 1
    assert not (tmp_path / "x.json").exists()
    return " ".join(capsys.readouterr().out.split())


def test_a_corpus_that_is_not_there_is_an_error(packages, tmp_path, capsys):
    output = run_main(packages.values(), str(tmp_path / "nowhere.spacy"), tmp_path, capsys)
    assert "There is no file" in output
    assert "nowhere.spacy" in output


def test_a_corpus_that_is_none_is_an_error(packages, tmp_path, capsys):
    (tmp_path / "queries.txt").write_text("more like sade\n", encoding="utf8")
    output = run_main(packages.values(), str(tmp_path / "queries.txt"), tmp_path, capsys)
    assert "queries.txt is no corpus" in output


def test_no_corpus_is_an_error(packages, tmp_path, capsys):
    assert "0 texts" in run_main(packages.values(), "", tmp_path, capsys)


@pytest.mark.parametrize("missing", ["dist", "en_tiny"])
def test_a_folder_that_is_no_package_is_an_error(packages, tiny_corpus, tmp_path, capsys, missing):
    broken = shutil.copytree(packages["stock"], tmp_path / "broken")
    shutil.rmtree(broken / missing)
    folders = (broken, packages["fast"])
    output = run_main(folders, str(tiny_corpus / "dev.spacy"), tmp_path, capsys)
    assert f"{broken}: 0 files" in output.replace("broken : ", "broken: ")


def test_packages_in_the_wrong_order_are_an_error(packages, tiny_corpus, tmp_path, capsys):
    folders = (packages["fast"], packages["stock"])
    output = run_main(folders, str(tiny_corpus / "dev.spacy"), tmp_path, capsys)
    assert "its pipeline has no transformer" in output
    folders = (packages["stock"], packages["stock"])
    output = run_main(folders, str(tiny_corpus / "dev.spacy"), tmp_path, capsys)
    assert "its pipeline has no onnx_encoder" in output


def test_the_command_refuses_a_package_that_is_not_there(run_script, tiny_corpus, tmp_path):
    corpus = tiny_corpus / "dev.spacy"
    result = run_script("speed", tmp_path / "no", tmp_path / "no", corpus, tmp_path / "x.json")
    assert result.returncode != 0
    assert "does not exist" in result.stderr
