"""Train the pipeline with `spacy train`, and draw its learning curves."""

import signal
from pathlib import Path

import matplotlib
import spacy
import srsly
import typer
from matplotlib import pyplot as plt
from spacy.cli.train import train
from spacy.training.loop import DIR_MODEL_BEST, DIR_MODEL_LAST
from wasabi import msg

from music_ner.files import remove, written_whole

matplotlib.use("Agg")
DIR_INTERRUPTED = "model-interrupted"
SECONDS_TO_REACT = 2.0


def interrupt(*_) -> None:
    """Interrupt training on a signal, and again if it continues.

    Python drops an exception that is raised while a destructor or a callback from C runs.
    """
    signal.setitimer(signal.ITIMER_REAL, SECONDS_TO_REACT)
    raise KeyboardInterrupt


def draw_curves(log: list[dict], path: Path) -> None:
    """Draw loss and score over the steps of training.

    log (list[dict]): The lines that spaCy's console logger writes: `step`, `losses`, `scores`.
    path (Path): The picture to write.
    """
    figure, (loss_axis, score_axis) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    steps = [line["step"] for line in log]
    for name in log[0]["losses"]:
        loss_axis.plot(steps, [line["losses"][name] for line in log], label=name)
    for name in log[0]["scores"]:
        score_axis.plot(steps, [line["scores"][name] / 100 for line in log], label=name)
    loss_axis.set(xlabel="step", ylabel="loss since the last evaluation", title="Loss on train")
    score_axis.set(xlabel="step", ylabel="score", title="Scores on dev", ylim=(0, 1))
    for axis in (loss_axis, score_axis):
        axis.legend()
        axis.grid(alpha=0.3)
    figure.savefig(path, format="png", dpi=120)
    plt.close(figure)


def keep_interrupted(unfinished: Path, output: Path) -> None:
    """Keep the best model of an interrupted training, if it was written whole.

    unfinished (Path): Folder that `spacy train` was writing to.
    output (Path): Folder to keep the model in.
    """
    best = unfinished / DIR_MODEL_BEST
    if best.is_dir() and not _loads(best):
        # Interrupted while the last model, which was the best, was being copied.
        best = unfinished / DIR_MODEL_LAST
    if not _loads(best):
        msg.warn("Interrupted before there was a model to keep")
        return
    kept = output / DIR_INTERRUPTED
    remove(kept)
    best.replace(kept)
    msg.warn(f"Interrupted: the best model so far is {kept}")


def _loads(model: Path) -> bool:
    try:
        spacy.load(model)
    except (OSError, ValueError, KeyError, EOFError):
        return False
    return True


def main(
    config_path: Path = typer.Argument(..., help="Complete training config", exists=True),
    output: Path = typer.Argument(..., help="Folder for the model, the log and the curves"),
    gpu_id: int = typer.Option(-1, help="GPU to train on, -1 for the CPU"),
) -> None:
    """Train the pipeline. Its outputs appear when training is finished."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM):
        signal.signal(number, interrupt)
    unfinished = output / ".unfinished"
    remove(unfinished)
    log_path = unfinished / "log.jsonl"
    try:
        train(
            config_path,
            unfinished,
            use_gpu=gpu_id,
            overrides={"training.logger.output_file": str(log_path)},
        )
        draw_curves(list(srsly.read_jsonl(log_path)), unfinished / "curves.png")
        # A small dev corpus cannot tell late models apart, and sometimes prefers a worse early one.
        for name in (DIR_MODEL_LAST, "log.jsonl", "curves.png"):
            with written_whole(output / name) as path:
                (unfinished / name).replace(path)
    except KeyboardInterrupt:
        signal.setitimer(signal.ITIMER_REAL, 0)
        keep_interrupted(unfinished, output)
        raise typer.Exit(130) from None
    finally:
        remove(unfinished)
    msg.good(f"Trained pipeline: {output / DIR_MODEL_LAST}")


if __name__ == "__main__":
    typer.run(main)
