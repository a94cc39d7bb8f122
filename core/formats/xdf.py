"""XDF, as LabRecorder writes LSL's streams, by pyxdf (extra `lab`): biosignals on synchronised clocks, and marks.

Chunks that are cut off or damaged never reach the library, which would believe their sizes.
"""

from __future__ import annotations

import io
import logging
import struct
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from ..errors import InnerfaceError
from ..files import read_bytes
from ..take import Take, Track
from .biosignals import Signals, events, take_of

_MAGIC = b"XDF:"
_BOUNDARY = bytes.fromhex("43a546dccbf5410fb30ed5467383cbe4")
_FILE, _HEADER, _SAMPLES, _OFFSET, _FOOTER = 1, 2, 3, 4, 6  # tags of chunks
_MOST_CHANNELS = 4096
_WIDTHS = {"double64": 8, "float32": 4, "int64": 8, "int32": 4, "int16": 2, "int8": 1, "string": 0}  # bytes of a value
_MARKS = ("marker", "event", "stim", "trigger", "annotation")


def read(path: Path) -> Take:
    """Read biosignals (a track per stream, uV) and marks; times on the recording computer's LSL clock. Raises InnerfaceError."""
    try:
        import pyxdf
    except ImportError:
        raise InnerfaceError(f"{path}: XDF is read by pyxdf, which is not installed; pip install 'innerface[lab]'") from None
    data, whole = _whole_chunks(read_bytes(path))
    notes = [] if whole else ["the file is cut off or damaged; all whole chunks were read"]
    logger = logging.getLogger("pyxdf.pyxdf")  # what it says must not run into a progress bar
    disabled, logger.disabled = logger.disabled, True
    try:
        with np.errstate(all="ignore"):
            streams, _ = pyxdf.load_xdf(io.BytesIO(data))
        streams = [s for s in streams if _text(s["info"], "channel_count").strip() != "0" and len(s["time_stamps"])]
        found = [_signals(s) for s in streams if not _is_marks(s)]
        marks = _marks([s for s in streams if _is_marks(s)])
    except Exception as error:  # of whatever kind: the file was written by others
        reason = str(error).split("\n")[0][:80] or type(error).__name__
        raise InnerfaceError(f"{path}: is no readable XDF ({reason}); export the recording again") from None
    finally:
        logger.disabled = disabled
    return take_of(found, marks, path, notes)


def _whole_chunks(data: bytes) -> tuple[bytes, bool]:
    """The file without chunks that do not hold what they promise, and whether there were none."""
    at, kept, whole = len(_MAGIC), [(0, len(_MAGIC))], True
    streams: dict[int, tuple[int, int]] = {}  # channels, and bytes of a value or 0 for texts
    while at < len(data):
        start = at
        try:
            size, at = _size(data, at)
            tag, end = struct.unpack_from("<H", data, at)[0], at + size
            if size < 2 or end > len(data) or not _is_whole(tag, data[at + 2 : end], streams):
                raise ValueError
            kept.append((start, end))
            at = end
        except (struct.error, ValueError, IndexError, UnicodeDecodeError, ElementTree.ParseError):
            whole = False
            found = data.find(_BOUNDARY, start + 1)
            at = len(data) if found < 0 else found + len(_BOUNDARY)
    return data if whole else b"".join(data[a:b] for a, b in kept), whole


def _size(data: bytes, at: int) -> tuple[int, int]:
    """A size of varying length, and where it ends."""
    form = {1: "<B", 4: "<I", 8: "<Q"}.get(data[at])
    if form is None:
        raise ValueError
    return struct.unpack_from(form, data, at + 1)[0], at + 1 + data[at]


def _is_whole(tag: int, content: bytes, streams: dict[int, tuple[int, int]]) -> bool:
    """Whether a chunk holds what it promises, of a stream that was announced; `streams` is filled."""
    if tag == _FILE:
        ElementTree.fromstring(content)
    if tag not in (_HEADER, _SAMPLES, _OFFSET, _FOOTER):
        return True
    stream = struct.unpack_from("<I", content)[0]
    if tag == _HEADER:
        info = ElementTree.fromstring(content[4:].decode("utf-8", "replace"))
        channels, width = int(info.findtext("channel_count") or ""), _WIDTHS.get(info.findtext("channel_format") or "", -1)
        float(info.findtext("nominal_srate") or "")
        if width < 0 or not 0 <= channels <= _MOST_CHANNELS or stream in streams:
            return False
        streams[stream] = channels, width
        return True
    if stream not in streams:
        return False
    if tag == _SAMPLES:
        return _samples_end(content, *streams[stream]) == len(content)
    return tag == _FOOTER or len(content) == 20


def _samples_end(content: bytes, channels: int, width: int) -> int:
    """Where the samples of a chunk end."""
    count, at = _size(content, 4)
    for _ in range(count):
        at += 9 if content[at] else 1  # with a time or without
        if width:
            at += channels * width
        else:
            for _ in range(channels):
                size, at = _size(content, at)
                at += size
    return at


def _text(info: dict[str, Any], key: str) -> str:
    """The first value of a key in pyxdf's dictionaries of lists."""
    values = info.get(key)
    return str(values[0] or "") if isinstance(values, list) and values else ""


def _is_marks(stream: dict[str, Any]) -> bool:
    kind = _text(stream["info"], "type").lower()
    return _text(stream["info"], "channel_format") == "string" or any(word in kind for word in _MARKS)


def _signals(stream: dict[str, Any]) -> Signals:
    info, time = stream["info"], np.asarray(stream["time_stamps"], dtype=np.float64)
    values = np.asarray(stream["time_series"], dtype=np.float64).reshape(len(time), -1)
    count = values.shape[1]
    told = _channels(info)
    told += [{} for _ in range(count - len(told))]
    labels = [_text(c, "label") or f"ch{k + 1}" for k, c in enumerate(told[:count])]
    own = _text(info, "type")
    kinds = [_text(c, "type") or own for c in told[:count]]
    rate = float(_text(info, "nominal_srate"))
    return Signals(_text(info, "name"), time, labels, kinds, [_text(c, "unit") for c in told[:count]], values, rate if 0 < rate < 1e6 else 0.0)


def _channels(info: dict[str, Any]) -> list[dict[str, Any]]:
    """What a stream's description says of its channels: /desc/channels/channel."""
    at: Any = info
    for key in ("desc", "channels"):
        at = at.get(key) if isinstance(at, dict) else None
        at = at[0] if isinstance(at, list) and at else None
    found = at.get("channel") if isinstance(at, dict) else None
    return [c if isinstance(c, dict) else {} for c in found] if isinstance(found, list) else []


def _marks(streams: list[dict[str, Any]]) -> Track | None:
    """All marks: numbers of numeric streams, else 1, 2, ... in their order, with their texts."""
    times = [np.asarray(s["time_stamps"], dtype=np.float64) for s in streams]
    if not times:
        return None
    time = np.concatenate(times)
    numeric = all(_text(s["info"], "channel_format") != "string" for s in streams)
    rows = [row for s in streams for row in s["time_series"]]
    if numeric:
        return events(time, np.array([float(row[0]) for row in rows]))
    texts = [" ".join(str(v) for v in row)[:500] for row in rows]
    track = events(time, np.zeros(len(time)), texts)
    if track is not None:
        track.values[:, 0] = np.arange(1, len(track.time) + 1)
    return track
