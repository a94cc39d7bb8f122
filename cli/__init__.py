"""The command line, `innerface COMMAND ...`; commands import what they need when they run."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import io
import json
import os
import sys
import traceback
from collections.abc import Sequence
from types import ModuleType

from ..core.errors import InnerfaceError

COMMANDS = (
    "demo",
    "convert",
    "recover",
    "key",
    "infer",
    "adapt",
    "hybrid",
    "flame-fit",
    "simulate",
    "landmarks",
    "track",
    "fetch",
    "align",
    "check",
    "names",
    "evaluate",
    "serve",
    "train",
    "report",
    "bench",
)
DEVELOPER_COMMANDS = ("train", "report", "bench")  # in cli/dev, which the Blender extension does not hold


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]
        raise InnerfaceError(f"{message}; see '{self.prog} --help'")


def build_parser() -> argparse.ArgumentParser:
    """Build the parser; the module of each command adds its arguments."""
    top_parser = _Parser(prog="innerface", description="Facial performance capture without a camera, inside Blender.")
    commands = top_parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=_Parser)
    for name in COMMANDS:
        module = _command_module(name)
        sub = commands.add_parser(name, help=(module.__doc__ or "").strip().splitlines()[0], description=module.__doc__)
        sub.add_argument("--json", action="store_true", help="print one JSON object instead of text")
        module.arguments(sub)
        sub.set_defaults(run=module.run)
    return top_parser


def _command_module(name: str) -> ModuleType:
    """Import the module of a command; `package_only` in place of one that the Blender extension leaves out."""
    if name in DEVELOPER_COMMANDS:
        name = f"dev.{name}" if importlib.util.find_spec(".dev", __package__) else "package_only"
    return importlib.import_module(f".{name.replace('-', '_')}", __package__)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns 0, 2 for an error that the user can fix (printed in one line), 130 if interrupted."""
    try:
        options = build_parser().parse_args(argv)
        result = options.run(options)
        if options.json:
            print(json.dumps(result))
        return 0
    except InnerfaceError as error:
        print(f"innerface: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("innerface: interrupted; no partial files were left", file=sys.stderr)
        return 130


def entry() -> None:
    """Run `main` as a program.

    Blender's library can hang at the end of the process (seen with 4.5.15), so the process ends without clean-up once
    everything is written.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names of files may hold what the terminal cannot show
    try:
        code = main()
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of the output (head, less) has closed it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception:
        traceback.print_exc()
        code = 1
    if "bpy" in sys.modules:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
