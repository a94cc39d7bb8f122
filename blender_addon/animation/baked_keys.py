"""What bakes wrote, kept in the action itself, so that a later bake can tell the animator's keys from its own."""

from __future__ import annotations

import json
import zlib
from typing import Any

import numpy as np

BAKED_MARK = "innerface_take"  # marks actions made here
BASE_LAYER, OVERLAY_LAYER = (
    "innerface_baked",
    "innerface_over",
)  # the take that the action is of; stretches of other takes over it
_MAX_BYTES = 256 << 20

CurveId = tuple[str, str, int]  # owner's name, data path, index
CurveKeys = dict[CurveId, tuple[np.ndarray, np.ndarray]]  # keys: frames, values


def store_keys(action: Any, curves: CurveKeys, layer: str = BASE_LAYER) -> None:
    """Remember keys (frames, values) by curve."""
    header = json.dumps([[*key, len(frames)] for key, (frames, _) in curves.items()]).encode()
    body = b"".join(np.stack([frames, values]).astype("<f4").tobytes() for frames, values in curves.values())
    if layer in action:
        del action[layer]  # written over, Blender cuts it at its first zero byte
    action[layer] = zlib.compress(len(header).to_bytes(4, "little") + header + body, 1)


def stored_keys(action: Any, layer: str = BASE_LAYER) -> CurveKeys:
    """What was remembered; empty where nothing was, or where it cannot be read."""
    try:
        reader = zlib.decompressobj()
        data = reader.decompress(bytes(action.get(layer, b"")), _MAX_BYTES)
        size = int.from_bytes(data[:4], "little")
        curves, offset = {}, 4 + size
        for owner, path, index, count in json.loads(data[4:offset]):
            keys = np.frombuffer(data, dtype="<f4", count=2 * count, offset=offset).reshape(2, count).astype(np.float64)
            curves[str(owner), str(path), int(index)] = (keys[0], keys[1])
            offset += 8 * count
        return curves
    except (ValueError, TypeError, zlib.error, RecursionError):
        return {}
