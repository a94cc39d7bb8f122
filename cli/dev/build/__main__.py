"""Run a development command: `python -m innerface.cli.dev.build COMMAND ...`."""

from __future__ import annotations

import importlib
import subprocess
import sys

from ....core.errors import InnerfaceError

MODULES = {
    "test": "run_tests",
    "lint": "lint",
    "package": "package",
    "link": "link",
    "lock": "lock",
    "head": "head",
    "pictures": "pictures",
    "screenshots": "screenshots",
    "libraries": "system_libraries",
}


def main(arguments: list[str]) -> int:
    """Run the command named first; 0 when done, 2 after a mistake, else the exit code of the program that failed."""
    name, *rest = arguments
    try:
        importlib.import_module(f".{MODULES[name]}", __package__).main(rest)
    except InnerfaceError as error:
        print(f"build.py: {error}", file=sys.stderr)
        return 2
    except subprocess.CalledProcessError as error:
        sys.stderr.write((error.stdout or "")[-4000:])
        return error.returncode
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
