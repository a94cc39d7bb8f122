"""Records of MCAP files within declared limits: what a file claims of its sizes is checked before it is allocated.

The library's own reader unpacks chunks to whatever size they claim, and believes the lengths in records.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import IO, Any

from ..errors import InnerfaceError

MAGIC = b"\x89MCAP0\r\n"
MAX_RECORD_BYTES = 32 << 20  # as it is in the file; chunks of Innerface are 1 MiB
MAX_CHUNK_BYTES = 64 << 20  # unpacked
# Of all chunks, unpacked: this, or so many times the file's size. Real takes pack to a fifth, still faces to a 60th.
_MAX_UNPACKED_BYTES, _MAX_RATIO = 64 << 20, 250
# Records of all chunks: so many, and a number per byte of the file.
_MAX_RECORDS, _MAX_RECORDS_PER_BYTE = 500_000, 0.5
_MAX_DESCRIPTION_BYTES = 16 << 20  # of all channels and metadata
_HEAD = struct.Struct("<BQ")  # of a record: opcode, length
_MESSAGE = struct.Struct("<HIQQ")
_FOOTER_BYTES = 9 + 20 + len(MAGIC)
_FOOTER, _CHANNEL, _MESSAGE_CODE, _CHUNK = 2, 4, 5, 6
_STATISTICS, _METADATA, _METADATA_INDEX, _DATA_END = 11, 12, 13, 15


def read_records(source: IO[bytes], path: Path, unpack: bool = True) -> Iterator[Any]:
    """Yield a file's channels, messages, metadata and, with `unpack` off, chunks as they are.

    Ends without an error only after a whole file. Raises InnerfaceError where a limit is exceeded, and any exception
    of the libraries or ValueError where the file is damaged or cut off.
    """
    limits = _Limits(path)
    checksum = zlib.crc32(_expect_magic(source))
    while True:
        code, body, head = _read_record(source, path)
        if code == _DATA_END:
            (expected,) = struct.unpack_from("<I", body)
            if expected and expected != checksum:
                raise ValueError("the data's checksum is wrong")
        checksum = zlib.crc32(body, zlib.crc32(head, checksum))
        if code == _CHUNK:
            chunk = _parse(code, body)
            if unpack:
                yield from _chunk_records(_unpack(chunk, limits), limits)
            else:
                yield chunk
        elif code == _FOOTER:
            _expect_magic(source)
            return
        elif code in (_CHANNEL, _MESSAGE_CODE, _METADATA):
            limits.count(code, len(body))
            yield _parse(code, body)


def read_summary_records(source: IO[bytes], path: Path) -> list[Any]:
    """The statistics and metadata of a whole file, found by its footer; empty where it has none.

    Raises as `read_records`.
    """
    _expect_magic(source)
    source.seek(-_FOOTER_BYTES, 2)
    code, body, _ = _read_record(source, path)
    if code != _FOOTER:
        raise ValueError("no footer")
    _expect_magic(source)
    (start,) = struct.unpack_from("<Q", body)
    if not start:
        return []
    limits = _Limits(path)
    source.seek(start)
    found: list[Any] = []
    places: list[int] = []
    while True:
        code, body, _ = _read_record(source, path)
        if code == _STATISTICS:
            found.append(_parse(code, body))
        elif code == _METADATA_INDEX:
            places.append(struct.unpack_from("<Q", body)[0])
        elif code == _FOOTER:
            break
    for place in places[:64]:
        source.seek(place)
        code, body, _ = _read_record(source, path)
        if code == _METADATA:
            limits.count(code, len(body))
            found.append(_parse(code, body))
    return found


class _Limits:
    """What may still be read from a file."""

    def __init__(self, path: Path) -> None:
        size = path.stat().st_size
        self.path = path
        self.bytes = max(_MAX_UNPACKED_BYTES, _MAX_RATIO * size)
        self.records = _MAX_RECORDS + int(_MAX_RECORDS_PER_BYTE * size)
        self.descriptions = _MAX_DESCRIPTION_BYTES

    def refuse(self, what: str) -> None:
        """Raise InnerfaceError."""
        raise InnerfaceError(f"{self.path}: {what}, which no take does; give the take as it was recorded")

    def unpack(self, size: int) -> None:
        """Count the bytes that a chunk claims."""
        if size > MAX_CHUNK_BYTES:
            self.refuse(f"a chunk claims to unpack to {size >> 20} MiB, more than {MAX_CHUNK_BYTES >> 20} MiB")
        self.bytes -= size
        if self.bytes < 0:
            self.refuse(f"its chunks unpack to more than {_MAX_RATIO} times the file's size")

    def count(self, code: int, size: int) -> None:
        """Count a record."""
        self.records -= 1
        if self.records < 0:
            self.refuse("it holds more records than a file of its size can")
        if code != _MESSAGE_CODE:
            self.descriptions -= size
            if self.descriptions < 0:
                self.refuse(f"its channels are described in more than {_MAX_DESCRIPTION_BYTES >> 20} MiB")


def _expect_magic(source: IO[bytes]) -> bytes:
    if source.read(len(MAGIC)) != MAGIC:
        raise ValueError("no MCAP")
    return MAGIC


def _read_record(source: IO[bytes], path: Path) -> tuple[int, bytes, bytes]:
    """The next record's opcode, body, and head."""
    head = source.read(_HEAD.size)
    code, size = _HEAD.unpack(head)
    if size > MAX_RECORD_BYTES:
        raise ValueError(f"a record of {size} bytes")
    body = source.read(size)
    if len(body) < size:
        raise EOFError
    return code, body, head


def _parse(code: int, body: bytes) -> Any:
    from mcap import records
    from mcap.data_stream import ReadDataStream

    if code == _MESSAGE_CODE:
        channel, sequence, log_time, publish_time = _MESSAGE.unpack_from(body)
        return records.Message(
            channel_id=channel,
            sequence=sequence,
            log_time=log_time,
            publish_time=publish_time,
            data=body[_MESSAGE.size :],
        )
    kind: Any = {
        _CHANNEL: records.Channel,
        _CHUNK: records.Chunk,
        _METADATA: records.Metadata,
        _STATISTICS: records.Statistics,
    }[code]
    return kind.read(ReadDataStream(BytesIO(body)))


def _unpack(chunk: Any, limits: _Limits) -> bytes:
    """A chunk's records, of the size that it claims."""
    size, data = chunk.uncompressed_size, chunk.data
    if chunk.compression:
        limits.unpack(size)
        data = _decompress(chunk.compression, data, size)
        if len(data) != size:
            raise ValueError("a chunk unpacks to another size than it claims")
    if chunk.uncompressed_crc and zlib.crc32(data) != chunk.uncompressed_crc:
        raise ValueError("a chunk's checksum is wrong")
    return data


def _decompress(compression: str, data: bytes, size: int) -> bytes:
    """At most `size` + 1 bytes."""
    if compression == "zstd":
        import zstandard

        with zstandard.ZstdDecompressor(max_window_size=MAX_CHUNK_BYTES).stream_reader(data) as reader:
            return reader.read(size + 1)
    if compression == "lz4":
        frame: Any = import_module("lz4.frame")  # which has no types
        return frame.LZ4FrameDecompressor().decompress(data, max_length=size + 1)
    raise ValueError(f"compressed by {compression[:16]}")


def _chunk_records(data: bytes, limits: _Limits) -> Iterator[Any]:
    """The channels and messages of a chunk."""
    position, end = 0, len(data)
    while position < end:
        code, size = _HEAD.unpack_from(data, position)
        position += _HEAD.size
        limits.count(code if code == _CHANNEL else _MESSAGE_CODE, size)
        if position + size > end:
            raise EOFError
        if code in (_CHANNEL, _MESSAGE_CODE):
            yield _parse(code, data[position : position + size])
        position += size
