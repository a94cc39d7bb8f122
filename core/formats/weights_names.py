"""The names of the channels in a take of weights, as they stand in its file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

from ..errors import InnerfaceError
from ..file_kinds import refuse_other_kinds
from ..files import read_bytes, reading
from ..printable import printable_names
from . import (
    BINARY_SIGNATURES,
    beat_json,
    mcap_take,
    read_take,
    take_folder,
    text_file,
    text_kinds,
    weights_csv,
)


def read_weights_names(path: str | Path) -> dict[str, tuple[str, ...]]:
    """The names in each track of weights of a take, also those that stand for no channel. Raises InnerfaceError."""
    path = Path(path)
    if path.is_dir():
        path, _ = take_folder.choose_csv(path)
    refuse_other_kinds(path)
    with reading(path, "it is damaged, or no take: record or export it again"):
        data = read_bytes(path)
        if data.startswith(mcap_take.MAGIC):
            tracks = mcap_take.read_columns(path)
        elif data.startswith(BINARY_SIGNATURES):
            tracks = dict[str, tuple[str, ...]]()
        else:
            tracks = {path.stem: tuple(_text_names(text_file.decode(data, path)))}
    if not any(tracks.values()):
        kinds = ", ".join(sorted(read_take(path).kinds))
        raise InnerfaceError(f"{path}: holds no names of channels ({kinds}); give a take of weights, or a face")
    return {name: printable_names(names) for name, names in tracks.items()}


def _text_names(source: text_file.TextFile) -> list[str]:
    kind = next((kind for kind in text_kinds.TEXT_KINDS if kind.recognises(source)), None)
    if kind is not None and kind.parse not in (weights_csv.parse, beat_json.parse):
        return []
    if kind is None or kind.parse == weights_csv.parse:
        labels = weights_csv.channel_labels(source)
        if kind is None and len(labels) < 2:
            raise InnerfaceError(f"{source.path}: {weights_csv.describe_unknown(source)}")
        return labels
    try:
        data: Any = json.loads(source.text)
    except (ValueError, RecursionError):
        raise InnerfaceError(f"{source.path}: is not complete JSON; the file may be cut off: export it again") from None
    names: Any = cast("dict[str, Any]", data).get("names") if isinstance(data, dict) else None
    return [str(name).strip() for name in cast("list[Any]", names)] if isinstance(names, list) else []
