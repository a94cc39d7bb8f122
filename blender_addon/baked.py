"""What bakes wrote, kept in the action itself, so that a later bake can tell the animator's keys from its own."""

from __future__ import annotations

import json
import zlib
from typing import Any

import numpy as np

OURS = "innerface_take"  # marks actions made here
BASE, OVER = "innerface_baked", "innerface_over"  # the take that the action is of; stretches of other takes over it
_LARGEST = 256 << 20

Curve = tuple[str, str, int]  # owner's name, data path, index
Curves = dict[Curve, tuple[np.ndarray, np.ndarray]]  # keys: frames, values


def keep(action: Any, curves: Curves, layer: str = BASE) -> None:
    """Remember keys (frames, values) by curve."""
    header = json.dumps([[*key, len(frames)] for key, (frames, _) in curves.items()]).encode()
    body = b"".join(np.stack([frames, values]).astype("<f4").tobytes() for frames, values in curves.values())
    if layer in action:
        del action[layer]  # written over, Blender cuts it at its first zero byte
    action[layer] = zlib.compress(len(header).to_bytes(4, "little") + header + body, 1)


def kept(action: Any, layer: str = BASE) -> Curves:
    """What was remembered; empty where nothing was, or where it cannot be read."""
    try:
        reader = zlib.decompressobj()
        data = reader.decompress(bytes(action.get(layer, b"")), _LARGEST)
        size = int.from_bytes(data[:4], "little")
        out, at = {}, 4 + size
        for owner, path, index, count in json.loads(data[4:at]):
            keys = np.frombuffer(data, dtype="<f4", count=2 * count, offset=at).reshape(2, count).astype(np.float64)
            out[str(owner), str(path), int(index)] = (keys[0], keys[1])
            at += 8 * count
        return out
    except (ValueError, TypeError, zlib.error, RecursionError):
        return {}
