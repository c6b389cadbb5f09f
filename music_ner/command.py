"""What all commands have in common: how they end early, and what they say of their variables."""

import difflib
import errno
import os
import shlex
import shutil
import signal
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import redirect_stdout
from itertools import zip_longest
from pathlib import Path

import srsly
import typer
from wasabi import msg

from music_ner.files import UnreadableFileError

SECONDS_TO_REACT = 2.0
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PROJECT_FILE = Path("project.yml")
OVERRIDES = "WEASEL_CONFIG_OVERRIDES"
OPTION = "--vars."
RETRY = "Nothing half-written is left. "
FIXES = {
    errno.ENOSPC: f"{RETRY}Free some space, and run the command again.",
    errno.EDQUOT: f"{RETRY}Free some space, and run the command again.",
    errno.EFBIG: f"{RETRY}Allow larger files, and run the command again.",
    errno.EWOULDBLOCK: "Wait for its end, and run the command again.",
    errno.ENAMETOOLONG: "Choose a shorter name.",
    errno.ENOENT: "Check the path.",
    errno.EACCES: "Change its permissions, or choose another path.",
    errno.EPERM: "Change its permissions, or choose another path.",
    errno.EROFS: "Choose a path that can be written to.",
    errno.ENOTDIR: "A file stands where a folder has to be: choose another path.",
    errno.EEXIST: "A file stands where a folder has to be: choose another path.",
    errno.EISDIR: "This is a folder: choose another path.",
}


def run_command(main: Callable[..., None]) -> None:
    """Run a command with the arguments of the command line.

    If the process is told to end, or the file system refuses something, the command ends with a
    message, and what it was writing is removed.

    main (Callable[..., None]): The command.
    """
    for number in SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:  # as under nohup
            signal.signal(number, interrupt)
    signal.signal(signal.SIGALRM, interrupt)
    for problem, fix in doubtful_vars():
        with redirect_stdout(sys.stderr):
            msg.warn(problem, fix)
    try:
        typer.run(main)
    except UnreadableFileError as error:
        fail(*error.args)
    except shutil.Error as error:  # of several files
        _, copy, reason = error.args[0][0]
        fail(f"{copy}: {reason}")
    except OSError as error:
        if error.errno is None:  # a library's own
            raise
        where = f"{error.filename}: " if error.filename else ""
        fail(f"{where}{error.strerror}", FIXES.get(error.errno, ""))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def fail(problem: str, fix: str = "") -> None:
    """End the command with a message on stderr, since stdout may be for results."""
    with redirect_stdout(sys.stderr):
        msg.fail(problem, fix, exits=1)


def interrupt(number: int, *_) -> None:
    """Interrupt the process on a signal, and again if it continues.

    Python drops an exception that is raised while a destructor or a callback from C runs.

    number (int): The signal.
    """
    if number == signal.SIGALRM and isinstance(sys.exc_info()[1], KeyboardInterrupt):
        return  # it is clearing up
    signal.setitimer(signal.ITIMER_REAL, SECONDS_TO_REACT)
    raise KeyboardInterrupt


def doubtful_vars() -> Iterator[tuple[str, str]]:
    """Find variables that weasel accepts on its command line, but not as they are meant.

    YIELDS (tuple[str, str]): What is wrong, and what to do about it.
    """
    arguments = [*arguments_of_parent(), *shlex.split(os.environ.get(OVERRIDES, ""))]
    if PROJECT_FILE.is_file() and any(argument.startswith(OPTION) for argument in arguments):
        yield from doubts(arguments, srsly.read_yaml(PROJECT_FILE).get("vars", {}))


def arguments_of_parent() -> list[str]:
    """RETURNS (list[str]): The command line of the process that started this one, if the system
    tells. That is weasel's, which hands on no variables."""
    try:
        return os.fsdecode(Path(f"/proc/{os.getppid()}/cmdline").read_bytes()).split("\0")
    except OSError:
        return []


def doubts(arguments: Sequence[str], known: Collection[str]) -> Iterator[tuple[str, str]]:
    """Find variables that the project does not have, and values that weasel changes.

    arguments (Sequence[str]): Arguments as weasel takes them: `--vars.NAME VALUE` or
        `--vars.NAME=VALUE`.
    known (Collection[str]): The names of the project's variables.
    YIELDS (tuple[str, str]): What is wrong, and what to do about it.

    >>> list(doubts(["--vars.nmae", "my_music"], ["name", "version"]))
    [('vars.nmae is unknown, and ignored', 'Do you mean vars.name?')]
    >>> list(doubts(["--vars.version=1.10"], ["name", "version"]))
    [('vars.version: 1.10 is read as the number 1.1', 'Write 1.10.0 instead.')]
    """
    for argument, following in zip_longest(arguments, arguments[1:], fillvalue=""):
        if not argument.startswith(OPTION):
            continue
        name, is_set, value = argument.removeprefix(OPTION).partition("=")
        if is_set:
            name = name.replace("-", "_")  # as weasel does
        else:
            value = following
        if name not in known:
            similar = difflib.get_close_matches(name, known, n=1)
            fix = f"Do you mean {' or '.join(f'vars.{other}' for other in similar or known)}?"
            yield f"vars.{name} is unknown, and ignored", fix
        elif (read := _number(value)) not in (None, value):
            fix = f"Write {f'{value}.0' if name == 'version' else f'./{value}'} instead."
            yield f"vars.{name}: {value} is read as the number {read}", fix


def _number(value: str) -> str | None:
    """RETURNS (str | None): How a number is passed on, or None of other values."""
    try:
        read = srsly.json_loads(value)
    except ValueError:
        return None
    return str(read) if isinstance(read, (int, float)) and not isinstance(read, bool) else None
