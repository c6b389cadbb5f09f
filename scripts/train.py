"""Train the pipeline with `spacy train`, and draw its learning curves."""

import signal
from pathlib import Path

import matplotlib
import spacy
import srsly
import typer
from matplotlib import pyplot as plt
from spacy import util
from spacy.cli.train import train
from spacy.training.loop import DIR_MODEL_BEST, DIR_MODEL_LAST
from wasabi import msg

from music_ner import provenance
from music_ner.command import run_command
from music_ner.files import workspace, written_whole
from music_ner.gpu import MissingGpuError, use_gpu

matplotlib.use("Agg")
DIR_INTERRUPTED = "model-interrupted"
RECONFIGURE = "Run `configure`, or `sources` and `convert` with the variables it was made with."


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
    with written_whole(kept) as path:
        best.replace(path)
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
    try:
        use_gpu(gpu_id)
    except MissingGpuError as error:
        msg.fail(*error.args, exits=1)
    config = util.load_config(config_path, interpolate=False)
    made = provenance.of_corpora(Path(config["paths"]["train"] or "").parent)
    for problem, _ in provenance.contradictions(config, **made):
        msg.fail(f"{config_path} was not made for the corpora: {problem}", RECONFIGURE, exits=1)
    with workspace(output / ".unfinished", output / DIR_MODEL_LAST) as unfinished:
        log_path = unfinished / "log.jsonl"
        try:
            train(
                config_path,
                unfinished,
                use_gpu=gpu_id,
                overrides={"training.logger.output_file": str(log_path)},
            )
            draw_curves(list(srsly.read_jsonl(log_path)), unfinished / "curves.png")
            # A small dev corpus cannot tell late models apart, and may prefer a worse early one.
            for name in (DIR_MODEL_LAST, "log.jsonl", "curves.png"):
                with written_whole(output / name) as path:
                    (unfinished / name).replace(path)
        except KeyboardInterrupt:
            signal.setitimer(signal.ITIMER_REAL, 0)
            keep_interrupted(unfinished, output)
            raise typer.Exit(130) from None
    msg.good(f"Trained pipeline: {output / DIR_MODEL_LAST}")


if __name__ == "__main__":
    run_command(main)
