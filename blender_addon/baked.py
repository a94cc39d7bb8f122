"""What a bake wrote, kept in the action itself, so that a later bake can tell the animator's keys from its own."""

from __future__ import annotations

import json
import zlib
from typing import Any

import numpy as np

_NAME = "innerface_baked"
_LARGEST = 256 << 20

Curve = tuple[str, str, int]  # owner's name, data path, index


def keep(action: Any, curves: dict[Curve, tuple[np.ndarray, np.ndarray]]) -> None:
    """Remember keys (frames, values) by curve."""
    header = json.dumps([[*key, len(frames)] for key, (frames, _) in curves.items()]).encode()
    body = b"".join(np.stack([frames, values]).astype("<f4").tobytes() for frames, values in curves.values())
    if _NAME in action:
        del action[_NAME]  # written over, Blender cuts it at its first zero byte
    action[_NAME] = zlib.compress(len(header).to_bytes(4, "little") + header + body, 1)


def kept(action: Any) -> dict[Curve, tuple[np.ndarray, np.ndarray]]:
    """What was remembered; empty where nothing was, or where it cannot be read."""
    try:
        reader = zlib.decompressobj()
        data = reader.decompress(bytes(action.get(_NAME, b"")), _LARGEST)
        size = int.from_bytes(data[:4], "little")
        out, at = {}, 4 + size
        for owner, path, index, count in json.loads(data[4:at]):
            keys = np.frombuffer(data, dtype="<f4", count=2 * count, offset=at).reshape(2, count).astype(np.float64)
            out[str(owner), str(path), int(index)] = (keys[0], keys[1])
            at += 8 * count
        return out
    except (ValueError, TypeError, zlib.error, RecursionError):
        return {}
