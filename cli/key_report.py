"""What `innerface key` prints: a summary of at most twelve lines, or all of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.printable import one_line
from .output import print_notes

MAX_LINES = 12  # notes on stderr included
_MAX_NAMES, _MAX_TAKES, _MAX_MESHES = 8, 3, 4


def print_report(keyed: dict[str, Any], *, verbose: bool) -> None:
    """Print the result of `key_takes`; every channel and shape key that did not match once."""
    before = [*_face_lines(keyed, verbose=verbose), *_take_lines(keyed, verbose=verbose)]
    after = [f"wrote {', '.join(keyed['out'].values())}"]
    notes, room = keyed["notes"], MAX_LINES - len(before) - len(after)
    omitted = 0 if verbose or len(notes) <= room else len(notes) - room + 1
    for line in before:
        print(one_line(line), flush=True)
    print_notes(notes[: len(notes) - omitted])
    if omitted:
        after.insert(0, f"{omitted} more notes; --verbose prints them")
    for line in after:
        print(one_line(line))


def _face_lines(keyed: dict[str, Any], *, verbose: bool) -> list[str]:
    unmatched, moved = keyed["unmatched_channels"], keyed["unmatched_moved"]
    meshes = [f"{name} ({count} keys)" for name, count in keyed["meshes"].items()]
    lines = [f"face: {_list(meshes, None if verbose else _MAX_MESHES)}; names: {keyed['scheme']}; {keyed['coverage']}"]
    if unmatched:
        still = [c for c in unmatched if c not in moved]
        names = [*moved, *still] if verbose else moved
        consequence = f"the take moves {len(moved)} of them" if moved else "the take moves none of them"
        lines.append(
            f"{len(unmatched)} channels without a shape key, {consequence}{': ' if names else ''}{', '.join(names)}"
        )
    undriven = {name: keys for name, keys in keyed["unmatched_keys"].items() if keys}
    if verbose:
        lines += [f"shape keys of {name} without a channel: {', '.join(keys)}" for name, keys in undriven.items()]
    elif undriven:
        names = list(dict.fromkeys(key for keys in undriven.values() for key in keys))
        lines.append(f"{len(names)} shape keys without a channel: {_list(names, _MAX_NAMES)}")
    return lines


def _take_lines(keyed: dict[str, Any], *, verbose: bool) -> list[str]:
    takes, fps = keyed["takes"], keyed["fps"]
    shown = takes if verbose or len(takes) <= _MAX_TAKES else takes[: _MAX_TAKES - 1]
    lines = []
    for take in shown:
        first, frames, keys = take["first_frame"], take["frames"], take["keys"]
        fewer = f", {take['dense_keys'] / keys:.1f}x fewer than every frame" if keys < take["dense_keys"] else ""
        lines.append(
            f"{take['name']}: {frames} frames at {fps:.3f} fps ({first} to {first + frames - 1}), {keys} keys{fewer}"
        )
    if len(shown) < len(takes):
        lines.append(f"and {len(takes) - len(shown)} more takes")
    scene_frames, export_frames = keyed["scene_frames"], keyed["export_frames"]
    if scene_frames != export_frames and len(takes) == 1:
        exported = "; exports hold the take, --range scene exports all of it" if len(keyed["out"]) > 1 else ""
        lines.append(f"the scene keeps its range, {scene_frames[0]} to {scene_frames[1]}{exported}")
    return lines


def _list(names: Sequence[str], limit: int | None) -> str:
    """Return names separated by commas, as many as the limit allows; the rest are counted."""
    if limit is None or len(names) <= limit + 1:
        return ", ".join(names)
    return f"{', '.join(names[:limit])} and {len(names) - limit} more"
