"""XDF, as LabRecorder writes LSL streams, by pyxdf (extra `lab`): biosignals on synchronised clocks, and markers.

Truncated and damaged chunks are removed first, because the library trusts the sizes that they declare.
"""

# pyxdf has no type stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

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
from ..take.timing import even_stretches
from .biosignals import Signals, build_marker_track, build_take

_MAGIC = b"XDF:"
_BOUNDARY = bytes.fromhex("43a546dccbf5410fb30ed5467383cbe4")
# Tags of chunks.
_TAG_FILE_HEADER, _TAG_STREAM_HEADER, _TAG_SAMPLES, _TAG_CLOCK_OFFSET, _TAG_STREAM_FOOTER = 1, 2, 3, 4, 6
_MAX_CHANNELS = 4096
# Bytes per value; 0: texts of any length.
_VALUE_BYTES = {"double64": 8, "float32": 4, "int64": 8, "int32": 4, "int16": 2, "int8": 1, "string": 0}
_MARKER_TYPES = ("marker", "event", "stim", "trigger", "annotation")


def read(path: Path) -> Take:
    """Read biosignals (a track per stream, in µV) and markers, on the recorder's LSL clock. Raises InnerfaceError."""
    try:
        import pyxdf
    except ImportError:
        raise InnerfaceError(
            f"{path}: reading XDF needs pyxdf, which is not installed; pip install 'innerface[lab]'"
        ) from None
    data, intact = _intact_chunks(read_bytes(path))
    notes = [] if intact else ["the file is cut off or damaged; all complete chunks were read"]
    logger = logging.getLogger("pyxdf.pyxdf")  # its messages would break a progress bar
    was_disabled, logger.disabled = logger.disabled, True
    try:
        with np.errstate(all="ignore"):
            streams, _ = pyxdf.load_xdf(io.BytesIO(data), dejitter_timestamps=False)
        streams = [s for s in streams if _text(s["info"], "channel_count").strip() != "0" and len(s["time_stamps"])]
        groups = [_to_signals(s, notes) for s in streams if not _is_marker_stream(s)]
        markers = _merge_markers([s for s in streams if _is_marker_stream(s)])
    except Exception as error:  # of any kind: the file is untrusted
        reason = str(error).split("\n")[0][:80] or type(error).__name__
        raise InnerfaceError(f"{path}: is not a readable XDF file ({reason}); export the recording again") from None
    finally:
        logger.disabled = was_disabled
    return build_take(groups, markers, path, notes=notes)


def _intact_chunks(data: bytes) -> tuple[bytes, bool]:
    """File without chunks whose content contradicts their headers, and whether there were none."""
    position, ranges, intact = len(_MAGIC), [(0, len(_MAGIC))], True
    streams: dict[int, tuple[int, int]] = {}  # number of channels and bytes per value
    while position < len(data):
        start = position
        try:
            size, position = _read_length(data, position)
            tag, end = struct.unpack_from("<H", data, position)[0], position + size
            if size < 2 or end > len(data) or not _is_intact(tag, data[position + 2 : end], streams):
                raise ValueError
            ranges.append((start, end))
            position = end
        except (struct.error, ValueError, IndexError, UnicodeDecodeError, ElementTree.ParseError):
            intact = False
            next_boundary = data.find(_BOUNDARY, start + 1)
            position = len(data) if next_boundary < 0 else next_boundary + len(_BOUNDARY)
    return data if intact else b"".join(data[a:b] for a, b in ranges), intact


def _read_length(data: bytes, position: int) -> tuple[int, int]:
    """A number of variable length, and the position after it."""
    format_code = {1: "<B", 4: "<I", 8: "<Q"}.get(data[position])
    if format_code is None:
        raise ValueError
    return struct.unpack_from(format_code, data, position + 1)[0], position + 1 + data[position]


def _is_intact(tag: int, content: bytes, streams: dict[int, tuple[int, int]]) -> bool:
    """Whether a chunk's content matches its header, and its stream is declared; adds to `streams`."""
    if tag == _TAG_FILE_HEADER:
        ElementTree.fromstring(content)
    if tag not in (_TAG_STREAM_HEADER, _TAG_SAMPLES, _TAG_CLOCK_OFFSET, _TAG_STREAM_FOOTER):
        return True
    stream = struct.unpack_from("<I", content)[0]
    if tag == _TAG_STREAM_HEADER:
        info = ElementTree.fromstring(content[4:].decode("utf-8", "replace"))
        channels, value_bytes = (
            int(info.findtext("channel_count") or ""),
            _VALUE_BYTES.get(info.findtext("channel_format") or "", -1),
        )
        float(info.findtext("nominal_srate") or "")
        if value_bytes < 0 or not 0 <= channels <= _MAX_CHANNELS or stream in streams:
            return False
        streams[stream] = channels, value_bytes
        return True
    if stream not in streams:
        return False
    if tag == _TAG_SAMPLES:
        return _samples_end(content, *streams[stream]) == len(content)
    return tag == _TAG_STREAM_FOOTER or len(content) == 20


def _samples_end(content: bytes, channels: int, value_bytes: int) -> int:
    """Position after a chunk's samples."""
    count, position = _read_length(content, 4)
    for _ in range(count):
        position += 9 if content[position] else 1  # the time is optional
        if value_bytes:
            position += channels * value_bytes
        else:
            for _ in range(channels):
                size, position = _read_length(content, position)
                position += size
    return position


def _text(info: dict[str, Any], key: str) -> str:
    """First value of a key in pyxdf's dictionaries of lists."""
    values = info.get(key)
    return str(values[0] or "") if isinstance(values, list) and values else ""


def _is_marker_stream(stream: dict[str, Any]) -> bool:
    kind = _text(stream["info"], "type").lower()
    return _text(stream["info"], "channel_format") == "string" or any(word in kind for word in _MARKER_TYPES)


def _to_signals(stream: dict[str, Any], notes: list[str]) -> Signals:
    """Signals of a stream; its stamps are evened out in each stretch between steps of its clock, told in `notes`."""
    info, time = stream["info"], np.asarray(stream["time_stamps"], dtype=np.float64)
    values = np.asarray(stream["time_series"], dtype=np.float64).reshape(len(time), -1)
    count = values.shape[1]
    channel_infos = _channel_infos(info)
    channel_infos += [{} for _ in range(count - len(channel_infos))]
    labels = [_text(c, "label") or f"ch{k + 1}" for k, c in enumerate(channel_infos[:count])]
    stream_type = _text(info, "type")
    kinds = [_text(c, "type") or stream_type for c in channel_infos[:count]]
    rate = float(_text(info, "nominal_srate"))
    if rate > 0:
        time, jumps = even_stretches(time)
        notes += [f"{_text(info, 'name')[:40]}: {jump}".removeprefix(": ") for jump in jumps]
    return Signals(
        _text(info, "name"),
        time,
        labels,
        kinds,
        [_text(c, "unit") for c in channel_infos[:count]],
        values,
        rate if 0 < rate < 1e6 else 0.0,
    )


def _channel_infos(info: dict[str, Any]) -> list[dict[str, Any]]:
    """A stream's /desc/channels/channel elements."""
    node: Any = info
    for key in ("desc", "channels"):
        node = node.get(key) if isinstance(node, dict) else None
        node = node[0] if isinstance(node, list) and node else None
    channels = node.get("channel") if isinstance(node, dict) else None
    return [c if isinstance(c, dict) else {} for c in channels] if isinstance(channels, list) else []


def _merge_markers(streams: list[dict[str, Any]]) -> Track | None:
    """Markers of all streams: their numbers, or for texts 1, 2, ... in order of time."""
    times = [np.asarray(s["time_stamps"], dtype=np.float64) for s in streams]
    if not times:
        return None
    time = np.concatenate(times)
    numeric = all(_text(s["info"], "channel_format") != "string" for s in streams)
    rows = [row for s in streams for row in s["time_series"]]
    if numeric:
        return build_marker_track(time, np.array([float(row[0]) for row in rows]))
    texts = [" ".join(str(v) for v in row)[:500] for row in rows]
    track = build_marker_track(time, np.zeros(len(time)), texts)
    if track is not None:
        track.values[:, 0] = np.arange(1, len(track.time) + 1)
    return track
