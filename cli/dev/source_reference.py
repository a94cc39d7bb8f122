"""docs/sources.md: all kinds of sources and sinks, from what they say of themselves.

`python -m innerface.cli.dev.source_reference` writes it anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ...core.files import atomic_write
from ...server import registry
from ...server.specs import SinkSpec, SourceSpec

PATH = Path(__file__).resolve().parents[2] / "docs" / "sources.md"
_INTRODUCTION = """# Sources and sinks

`innerface serve --source KIND[:ARGS] --sink KIND[:ARGS]`, each as often as needed. The first argument follows the
colon, others follow commas: `virtual:take.mcap,loss=0.02,gyro`. Sources listen on this computer only, unless `--host`
or their own address says otherwise. This page is written by `python -m innerface.cli.dev.source_reference`; what it
says stands in the modules of [server/sources](../server/sources) and [server/sinks](../server/sinks).
"""


def source_reference() -> str:
    """The page's text."""
    sources, sinks = registry.sources().values(), registry.sinks().values()
    source_rows = [(f"`{s.kind}`", s.summary, s.menu.label if s.menu is not None else "", _needs(s)) for s in sources]
    sink_rows = [(f"`{s.kind}`", s.summary, s.toggle.label if s.toggle is not None else "") for s in sinks]
    lines = [
        _INTRODUCTION,
        *_table(("source", "what it is", "in Blender", "needs"), source_rows),
        "",
        *_table(("sink", "what it is", "in Blender"), sink_rows),
        "",
        "## Arguments of sources",
        *_argument_sections(sources),
        "",
        "## Arguments of sinks",
        *_argument_sections(sinks),
    ]
    return "\n".join(lines) + "\n"


def _needs(spec: SourceSpec[Any]) -> str:
    needs = ["devices of the network"] if spec.needs_lan else []
    return ", ".join([*needs, f"`pip install 'innerface[{spec.extra}]'`"] if spec.extra else needs)


def _argument_sections(specs: Iterable[SourceSpec[Any] | SinkSpec[Any]]) -> list[str]:
    lines: list[str] = []
    for spec in specs:
        rows = [(f"`{a.usage}`", a.help, f"`{a.default_text}`" if a.default_text else "") for a in spec.arguments]
        lines += ["", f"### `{spec.usage}`", "", *_table(("argument", "meaning", "default"), rows)]
        if isinstance(spec, SourceSpec) and spec.hints:
            lines += ["", "When nothing comes:", "", *(f"- {hint}" for hint in spec.hints)]
    return lines


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (header, ("---",) * len(header), *rows)]


def main() -> None:
    """Write the page."""
    with atomic_write(PATH) as temporary:
        temporary.write_text(source_reference(), encoding="utf-8")


if __name__ == "__main__":
    main()
