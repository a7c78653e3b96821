"""The command ``curate``. Only this package prints, and only here errors become exit codes.

Registration: single commands in ``COMMANDS``, groups in ``GROUPS``; each module imports what is heavy inside its functions.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from typing import Any

import typer

from curate.cli.examples import epilog
from curate.errors import CurateError

INTERRUPTED = 130
# module: names of its functions that are commands
COMMANDS: dict[str, tuple[str, ...]] = {
    "pipeline": ("init", "plan", "run", "status", "explain", "columns", "verify", "gc", "doctor"),
    "demo": ("demo",),
    "plain": ("tag", "check", "dedup", "search", "coverage", "balance"),
    "publish": ("release", "card", "export", "publish"),
    "score": ("score",),
    "plugins": ("plugins",),
}
# group name: module with ``app``
GROUPS: dict[str, str] = {"lexicon": "lexicon", "index": "index", "clips": "clips", "review": "review", "prompts": "prompts"}


def _version(value: bool) -> None:
    if value:
        from curate import __version__

        print(f"leishu {__version__}")
        raise typer.Exit


def build() -> typer.Typer:
    """Return the whole command tree."""
    app = typer.Typer(
        no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None,
        help="Leishu: curate bilingual video-text data that covers Chinese history and culture.",
    )  # fmt: skip

    @app.callback()
    def main_options(version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version.")) -> None:
        """Leishu: curate bilingual video-text data that covers Chinese history and culture."""

    for module, names in COMMANDS.items():
        loaded = importlib.import_module(f"curate.cli.{module}")
        for name in names:
            function: Callable[..., Any] = getattr(loaded, name)
            app.command(name.replace("_", "-"), epilog=epilog(name))(function)
    for group, module in GROUPS.items():
        inner: typer.Typer = importlib.import_module(f"curate.cli.{module}").app
        for command in inner.registered_commands:
            command.epilog = epilog(f"{group} {command.name or getattr(command.callback, '__name__', '')}")
        app.add_typer(inner, name=group)
    return app


def main() -> None:
    """Run the command line; errors go to stderr with a hint, exit codes are those of the error classes."""
    try:
        build()(standalone_mode=True)
    except CurateError as e:
        print(f"error: {e}", file=sys.stderr)
        sys.exit(e.exit_code)
    except BrokenPipeError:
        # The reader of our output went away (curate … | head): not an error of ours.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except SystemExit as e:
        # Typer makes of Ctrl-C an exit without a word.
        if e.code == INTERRUPTED:
            print("interrupted; what was finished is kept, run again to go on", file=sys.stderr)
        raise
    except OSError as e:
        where = f" {e.filename}" if e.filename else ""
        print(f"error: {e.strerror or e}{where}\n  Hint: check the path, the rights and the free space", file=sys.stderr)
        sys.exit(1)
