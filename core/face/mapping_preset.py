"""Presets of mappings: JSON files that hold a mapping's rows."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, cast

from ..errors import InnerfaceError
from ..files import atomic_write, read_bytes
from .channels import ARKIT
from .mapping import KINDS, ROTATION_AXES, TRANSLATION_AXES, Mapping, Target

_FORMAT_KEY, _MAX_ROWS = "innerface-mapping", 10_000
_AXES = (*ROTATION_AXES, *TRANSLATION_AXES)
_DEFAULTS: dict[str, Any] = {f.name: f.default for f in fields(Target)}


def save(mapping: Mapping, path: str | Path) -> None:
    """Write a preset. Raises InnerfaceError where it cannot be written."""
    rows = [{k: v for k, v in asdict(t).items() if v != _DEFAULTS.get(k)} for t in mapping.targets]
    with atomic_write(path) as temporary:
        temporary.write_text(
            json.dumps({_FORMAT_KEY: 1, "name": mapping.name, "targets": rows}, indent=1, ensure_ascii=False) + "\n",
            encoding="utf-8",
        )


def load(path: str | Path) -> Mapping:
    """Read a preset. Raises InnerfaceError for any other file."""
    try:
        data: Any = json.loads(read_bytes(path, 8 << 20).decode("utf-8"))
    except (ValueError, RecursionError):
        raise InnerfaceError(f"{path}: is not JSON; choose a mapping that was saved as a preset") from None
    preset = cast("dict[str, Any]", data if isinstance(data, dict) else {})
    rows, name = preset.get("targets"), preset.get("name")
    if _FORMAT_KEY not in preset or not isinstance(rows, list) or len(cast("list[Any]", rows)) > _MAX_ROWS:
        raise InnerfaceError(f"{path}: is not a mapping of channels; choose one that was saved as a preset")
    targets = tuple(_parse_target(row, f"{path}: row {n}") for n, row in enumerate(cast("list[Any]", rows), start=1))
    return Mapping(name if isinstance(name, str) and name else Path(path).stem, targets)


def _parse_target(row: Any, location: str) -> Target:
    """A validated row of a file."""
    values = cast("dict[str, Any]", row if isinstance(row, dict) else {})
    if not {"channel", "kind", "name"} <= values.keys() <= _DEFAULTS.keys():
        raise InnerfaceError(
            f"{location}: must have channel, kind and name, and may have axis, gain, offset, low, high, curve and "
            "mute; correct the row"
        )
    numbers = [values[k] for k in ("gain", "offset", "low", "high", "curve") if k in values]
    if any(isinstance(v, bool) or not isinstance(v, (int, float)) or not abs(v) <= 1e4 for v in numbers):
        raise InnerfaceError(f"{location}: gain, offset, low, high and curve must be numbers; correct the row")
    texts = [values.get(k, "") for k in ("channel", "kind", "name", "axis")]
    if not all(isinstance(v, str) for v in texts) or not isinstance(values.get("mute", False), bool):
        raise InnerfaceError(
            f"{location}: channel, kind, name and axis must be text, mute true or false; correct the row"
        )
    target = Target(**values)
    try:
        target.name.encode("utf-8")
    except UnicodeEncodeError:
        raise InnerfaceError(f"{location}: the name is not valid text; correct the row") from None
    if target.channel not in ARKIT:
        raise InnerfaceError(f"{location}: '{target.channel[:32]}' is not one of Apple's 52 channels; correct the row")
    if target.kind not in KINDS or (target.kind == "bone") != (target.axis in _AXES):
        raise InnerfaceError(
            f"{location}: kind must be one of {', '.join(KINDS)}, and a bone needs an axis ({', '.join(_AXES)}); "
            "correct the row"
        )
    if target.curve <= 0 or target.low > target.high:
        raise InnerfaceError(f"{location}: curve must be above 0, and low must not exceed high; correct the row")
    return target
