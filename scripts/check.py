"""Check the package's name and version before anything else runs."""

import typer
from wasabi import msg

from music_ner.command import run_command
from music_ner.export.naming import naming_problems


def main(
    language: str = typer.Argument(..., help="Language, which the package's name begins with"),
    name: str = typer.Option(..., help="Name of the package, without its language"),
    version: str = typer.Option(..., help="Version of the package"),
) -> None:
    """Check the package's name and version."""
    for problem, fix in naming_problems(language, name, version):
        msg.fail(problem, fix, exits=1)
    msg.good(f"The package will be called {language}_{name} {version}")


if __name__ == "__main__":
    run_command(main)
