"""The keys that bakes wrote, as bytes that an action can keep: a later bake tells an animator's keys from them."""

from __future__ import annotations

import json
import zlib
from dataclasses import astuple, dataclass

import numpy as np

_MAX_BYTES = 256 << 20


@dataclass(frozen=True)
class CurveId:
    """A curve of an action: the name of the datablock that it animates, its data path and array index."""

    owner: str
    path: str
    index: int


CurveKeys = dict[CurveId, tuple[np.ndarray, np.ndarray]]  # frames (K,) and values (K,) by curve


def encode_keys(curves: CurveKeys) -> bytes:
    """Pack keys: a JSON list of curves and their numbers of keys, then float32 frames and values, compressed."""
    header = json.dumps([[*astuple(curve), len(frames)] for curve, (frames, _) in curves.items()]).encode()
    body = b"".join(np.stack([frames, values]).astype("<f4").tobytes() for frames, values in curves.values())
    return zlib.compress(len(header).to_bytes(4, "little") + header + body, 1)


def decode_keys(packed: bytes) -> CurveKeys | None:
    """Unpack keys; None for bytes that are damaged."""
    try:
        data = zlib.decompressobj().decompress(packed, _MAX_BYTES)
        offset = 4 + int.from_bytes(data[:4], "little")
        curves: CurveKeys = {}
        for owner, path, index, count in json.loads(data[4:offset]):
            if count < 0:
                return None
            keys = np.frombuffer(data, dtype="<f4", count=2 * count, offset=offset).reshape(2, count).astype(np.float64)
            if not np.isfinite(keys).all():
                return None
            curves[CurveId(str(owner), str(path), int(index))] = (keys[0], keys[1])
            offset += 8 * count
        return curves
    except (ValueError, TypeError, OverflowError, RecursionError, zlib.error):
        return None
