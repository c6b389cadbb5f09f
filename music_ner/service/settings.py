"""What the service is started with."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """The settings of a service; each worker process gets the same.

    model (str): An installed package, or a folder.
    state (Path): A folder that the workers share, for uploaded catalogues.
    metrics (Path): Folder that `evaluate` writes to, for the page.
    token (str): What an upload of a catalogue is authorized with; empty if none is allowed.
    max_texts (int): Texts of a request.
    max_length (int): Characters of a text.
    max_body (int): Bytes of a request.
    max_upload (int): Bytes of a catalogue.
    max_waiting (int): Texts that may wait for the pipeline.
    max_batch (int): Texts that the pipeline reads at a time.
    max_delay (float): Seconds that a text waits for others, if the pipeline is idle.
    timeout (float): Seconds that a client has to send a request, and the pipeline to answer it.
    """

    model: str
    state: Path
    metrics: Path = Path("metrics")
    token: str = field(default="", repr=False)
    max_texts: int = 256
    max_length: int = 5_000
    max_body: int = 2**20
    max_upload: int = 64 * 2**20
    max_waiting: int = 2_048
    max_batch: int = 64
    max_delay: float = 0.002
    timeout: float = 10.0
