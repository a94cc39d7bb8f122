"""Recovery of MCAP files that were cut off or damaged: everything whole in them, in a file that any reader opens.

Messages keep their bytes, times and sequence numbers, and their order. Memory is bounded, whatever a file claims.
"""

from __future__ import annotations

import contextlib
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, cast

import lz4.frame  # pyright: ignore[reportMissingTypeStubs]
import zstandard
from mcap.data_stream import ReadDataStream
from mcap.opcode import Opcode
from mcap.records import Attachment, Channel, Header, Metadata, Schema
from mcap.writer import Writer

from ..errors import InnerfaceError
from ..files import atomic_write, open_file
from .mcap_records import MAGIC
from .mcap_take import PROFILE

_MAX_RECORD_BYTES = 128 << 20  # of a record, and of an unpacked chunk
_MAX_UNPACKED, _MAX_EXPANSION = 64 << 20, 1000  # bytes that all chunks unpack to: so many, and so many times the file
_READ_BYTES = 1 << 20
_MAX_SENTENCES = 20
_MAX_CHANNELS = 65_535  # IDs are 16 bits, and 0 is none
_RECORD_HEAD = struct.Struct("<BQ")  # opcode, length
_CHUNK_HEAD = struct.Struct(
    "<QQQIL"
)  # first and last log time, size and CRC unpacked, length of the compression's name
_MESSAGE_HEAD = struct.Struct("<HIQQ")  # channel, sequence, log and publish time
_FOOTER = 20  # bytes of its content
_END_BYTES = _RECORD_HEAD.size + _FOOTER + len(MAGIC)
_CRC_BYTES = 4
_NAMES = {
    Opcode.HEADER: "header",
    Opcode.SCHEMA: "schema",
    Opcode.CHANNEL: "channel",
    Opcode.MESSAGE: "message",
    Opcode.ATTACHMENT: "attachment",
    Opcode.METADATA: "metadata record",
}  # of the records that are kept; indexes are made anew


@dataclass
class Recovery:
    """What was recovered of a file.

    Attributes
    ----------
    messages, channels, schemas, metadata, attachments
        Numbers of what was kept.
    complete
        Whether the file had been finished by its writer.
    first_ns, last_ns
        The earliest and the latest log time, ns; None without messages.
    lost
        What could not be kept: the first of it, for the user.
    lost_records, lost_bytes
        Number and size of the records that were left out or kept in part.
    """

    messages: int = 0
    channels: int = 0
    schemas: int = 0
    metadata: int = 0
    attachments: int = 0
    complete: bool = False
    first_ns: int | None = None
    last_ns: int | None = None
    lost: list[str] = field(default_factory=list[str])
    lost_records: int = 0
    lost_bytes: int = 0

    @property
    def seconds(self) -> float:
        """From the first message to the last."""
        return 0.0 if self.first_ns is None or self.last_ns is None else (self.last_ns - self.first_ns) * 1e-9

    def leave_out(self, what: str, size: int) -> None:
        """Count something that is not kept."""
        self.lost_records += 1
        self.lost_bytes += size
        if len(self.lost) < _MAX_SENTENCES:
            self.lost.append(what)


def is_complete(path: Path) -> bool:
    """Whether a file ends as finished MCAP files do. Raises OSError."""
    with open_file(path) as source:
        size = source.seek(0, 2)
        if size < len(MAGIC) + _END_BYTES:
            return False
        source.seek(size - _END_BYTES)
        end = source.read(_END_BYTES)
        return end.endswith(MAGIC) and _RECORD_HEAD.unpack_from(end) == (Opcode.FOOTER, _FOOTER)


def is_cut_recording(path: Path) -> bool:
    """Whether a file is a take of Innerface whose end is missing. Raises OSError."""
    with open_file(path) as source:
        start = source.read(len(MAGIC) + _RECORD_HEAD.size + 4 + len(PROFILE))
    return start.startswith(MAGIC) and start.endswith(PROFILE.encode()) and not is_complete(path)


def recover(path: str | Path, out: str | Path, on_record: Callable[[], None] | None = None) -> Recovery:
    """Write everything whole in the MCAP file `path` to `out`, which is replaced if it exists.

    `on_record` is called for each record, and may end it all by an exception. Channels and schemas are numbered anew,
    in their order. Raises InnerfaceError where `path` is no MCAP file, both are the same file, or one cannot be read or
    written.
    """
    source_path, out_path = Path(path), Path(out)
    if not source_path.exists():
        raise InnerfaceError(f"{path}: no such file; check the path")
    if not source_path.is_file():
        raise InnerfaceError(f"{path}: is not a file; give an MCAP file")
    if out_path.exists() and out_path.samefile(source_path):
        raise InnerfaceError(f"{out}: is the file to recover; give another name for the result")
    try:
        with open(source_path, "rb") as source:
            if source.read(len(MAGIC)) != MAGIC:
                raise InnerfaceError(
                    f"{path}: is no MCAP file, or is cut off within its first bytes; nothing to recover"
                )
            recovery = Recovery(complete=is_complete(source_path))
            with atomic_write(out_path) as temporary, open(temporary, "wb") as target:
                salvage = _Salvage(source, source_path.stat().st_size, recovery)
                _copy(salvage, target, recovery, on_record=on_record)
            return recovery
    except OSError as error:
        raise InnerfaceError(f"{path}: cannot be read ({error.strerror}); check its permissions and the disk") from None


def _copy(salvage: _Salvage, target: BinaryIO, recovery: Recovery, *, on_record: Callable[[], None] | None) -> None:
    copy: _Copy | None = None
    for record in salvage.records():
        if on_record is not None:
            on_record()
        if copy is None:  # a header comes first, if there is one
            copy = _Copy(Writer(target), recovery, record if isinstance(record, Header) else Header("", ""))
        copy.add(record)
    (copy or _Copy(Writer(target), recovery, Header("", ""))).finish()


@dataclass(slots=True)
class _Message:
    channel_id: int
    sequence: int
    log_time: int
    publish_time: int
    data: bytes


_Record = Header | Schema | Channel | _Message | Metadata | Attachment


class _Copy:
    """The new file."""

    def __init__(self, writer: Writer, recovery: Recovery, header: Header) -> None:
        self._writer, self._recovery, self._homeless = writer, recovery, 0
        self._schema_ids: dict[int, int] = {}  # by their IDs in the old file
        self._channel_ids: dict[int, int] = {}
        self._known: dict[object, int] = {}  # IDs by content: chunks may repeat what they use
        writer.start(header.profile, header.library)

    def add(self, record: _Record) -> None:
        """Add a record of the old file."""
        match record:
            case _Message():
                self._add_message(record)
            case Schema():
                self._add_schema(record)
            case Channel():
                self._add_channel(record)
            case Metadata(name=name, metadata=texts):
                self._writer.add_metadata(name, texts)
                self._recovery.metadata += 1
            case Attachment():
                self._writer.add_attachment(
                    record.create_time, record.log_time, record.name, record.media_type, record.data
                )
                self._recovery.attachments += 1
            case Header():
                pass

    def finish(self) -> None:
        """Write the indexes."""
        if self._homeless:
            self._recovery.leave_out(f"{self._homeless} messages of channels that are described nowhere in it", 0)
        self._writer.finish()

    def _add_schema(self, schema: Schema) -> None:
        key = ("schema", schema.name, schema.encoding, schema.data, schema.id)
        if key not in self._known and self._recovery.schemas < _MAX_CHANNELS:
            self._known[key] = self._writer.register_schema(schema.name, schema.encoding, schema.data)
            self._recovery.schemas += 1
        self._schema_ids[schema.id] = self._known.get(key, 0)

    def _add_channel(self, channel: Channel) -> None:
        texts = tuple(channel.metadata.items())
        schema_id = self._schema_ids.get(channel.schema_id, 0)
        key = ("channel", channel.topic, channel.message_encoding, schema_id, texts, channel.id)
        if key not in self._known and self._recovery.channels < _MAX_CHANNELS:
            self._known[key] = self._writer.register_channel(
                channel.topic, channel.message_encoding, schema_id, channel.metadata
            )
            self._recovery.channels += 1
        self._channel_ids[channel.id] = self._known.get(key, 0)

    def _add_message(self, message: _Message) -> None:
        channel_id = self._channel_ids.get(message.channel_id, 0)
        if not channel_id:
            self._homeless += 1
            return
        time, recovery = message.log_time, self._recovery
        self._writer.add_message(channel_id, time, message.data, message.publish_time, message.sequence)
        recovery.messages += 1
        recovery.first_ns = time if recovery.first_ns is None else min(recovery.first_ns, time)
        recovery.last_ns = time if recovery.last_ns is None else max(recovery.last_ns, time)


class _Salvage:
    """Reads whatever is whole in a file."""

    def __init__(self, source: BinaryIO, size: int, recovery: Recovery) -> None:
        self._source, self._size, self._recovery = source, size, recovery
        self._unpacked_left = _MAX_UNPACKED + _MAX_EXPANSION * size

    def records(self) -> Iterator[_Record]:
        """All records but indexes, up to the file's end or to where it is cut off."""
        in_summary = False  # schemas and channels are repeated there, or described nowhere else
        while head := self._source.read(_RECORD_HEAD.size):
            start = self._source.tell() - len(head)
            opcode, length = _RECORD_HEAD.unpack(head) if len(head) == _RECORD_HEAD.size else (0, 0)
            if opcode == Opcode.FOOTER or (in_summary and not opcode):
                return
            if not opcode:
                self._recovery.leave_out(f"what follows byte {start}, where no record begins", self._size - start)
                return
            end = start + _RECORD_HEAD.size + length
            in_summary = in_summary or opcode == Opcode.DATA_END
            if (opcode == Opcode.CHUNK or opcode in _NAMES) and not (in_summary and end > self._size):
                yield from self._kept(opcode, length, start, end=min(end, self._size))
            if end > self._size:
                return
            self._source.seek(end)

    def _kept(self, opcode: int, length: int, start: int, *, end: int) -> Iterator[_Record]:
        """The record that begins at `start`, or the records of that chunk; the file holds it up to `end`."""
        size = end - start - _RECORD_HEAD.size
        if size > _MAX_RECORD_BYTES:
            self._recovery.leave_out(f"{size} bytes at byte {start}, which are more than one record may hold", size)
        elif opcode == Opcode.CHUNK:
            yield from self._chunk(self._source.read(size), start, cut=size < length)
        elif size < length:
            self._recovery.leave_out(f"a {_NAMES[Opcode(opcode)]} at byte {start}, which is cut off", end - start)
        else:
            yield from self._parsed(opcode, self._source.read(size), start)

    def _parsed(self, opcode: int, content: bytes, start: int) -> Iterator[_Record]:
        try:
            record = _parse(opcode, content)
        except Exception:  # errors of struct, of texts and of the library share no base class
            self._recovery.leave_out(f"a damaged {_NAMES[Opcode(opcode)]} at byte {start}", len(content))
            return
        yield record

    def _chunk(self, content: bytes, start: int, *, cut: bool) -> Iterator[_Record]:
        """Records of a chunk; `cut`: the file ends within it."""
        state = "cut off" if cut else "damaged"
        try:
            _, _, claimed, crc, name_length = _CHUNK_HEAD.unpack_from(content)
            data_start = _CHUNK_HEAD.size + name_length + 8  # after the size of the data
            compression = content[_CHUNK_HEAD.size : data_start - 8].decode()
            limit = max(min(claimed, _MAX_RECORD_BYTES, self._unpacked_left), 0)
            unpacked = memoryview(_UNPACK[compression](content[data_start:], limit))
        except (struct.error, KeyError, UnicodeDecodeError):
            self._recovery.leave_out(f"a chunk at byte {start}, which is {state}", len(content))
            return
        self._unpacked_left -= len(unpacked)
        whole = not cut and len(unpacked) == claimed
        if whole and crc not in (0, zlib.crc32(unpacked)):
            self._recovery.leave_out(f"a chunk at byte {start}, whose checksum does not match", len(content))
            return
        before = self._recovery.messages
        yield from self._unpacked_records(unpacked, start)
        if not whole:
            if limit < claimed and len(unpacked) == limit:
                state = "too large"
            kept = self._recovery.messages - before
            self._recovery.leave_out(
                f"the rest of a chunk at byte {start}, which is {state}, after {kept} messages", len(content)
            )

    def _unpacked_records(self, unpacked: memoryview, start: int) -> Iterator[_Record]:
        position = 0
        while position + _RECORD_HEAD.size <= len(unpacked):
            opcode, length = _RECORD_HEAD.unpack_from(unpacked, position)
            position += _RECORD_HEAD.size
            if position + length > len(unpacked):
                return
            if opcode in _NAMES:
                yield from self._parsed(opcode, bytes(unpacked[position : position + length]), start)
            position += length


def _parse(opcode: int, content: bytes) -> _Record:
    """A record from its content. Raises various exceptions for a damaged one."""
    if opcode == Opcode.MESSAGE:
        channel_id, sequence, log_time, publish_time = _MESSAGE_HEAD.unpack_from(content)
        return _Message(channel_id, sequence, log_time, publish_time, content[_MESSAGE_HEAD.size :])
    stream = ReadDataStream(BytesIO(content))
    if opcode == Opcode.ATTACHMENT:
        crc = int.from_bytes(content[-_CRC_BYTES:], "little")
        if crc not in (0, zlib.crc32(content[:-_CRC_BYTES])):
            raise ValueError("its checksum does not match")
        return Attachment.read(stream)
    if opcode == Opcode.SCHEMA:
        return Schema.read(stream)
    if opcode == Opcode.CHANNEL:
        return Channel.read(stream)
    return Metadata.read(stream) if opcode == Opcode.METADATA else Header.read(stream)


def _unpack_zstd(packed: bytes, limit: int) -> bytes | bytearray:
    unpacked, reader = bytearray(), zstandard.ZstdDecompressor().stream_reader(packed)
    with contextlib.suppress(zstandard.ZstdError):  # what comes before the damage is whole
        while piece := reader.read(min(limit - len(unpacked), _READ_BYTES)):
            unpacked += piece
    return unpacked


def _unpack_lz4(packed: bytes, limit: int) -> bytes | bytearray:
    unpacked = bytearray()
    reader: Any = lz4.frame.LZ4FrameDecompressor()
    with contextlib.suppress(RuntimeError):  # as above
        while len(unpacked) < limit and not reader.eof:
            piece = cast("bytes", reader.decompress(packed, min(limit - len(unpacked), _READ_BYTES)))
            if not piece:
                break
            unpacked += piece
            packed = b""  # the reader keeps what it has not unpacked
    return unpacked


_UNPACK: dict[str, Callable[[bytes, int], bytes | bytearray]] = {
    "": lambda packed, limit: packed[:limit],
    "zstd": _unpack_zstd,
    "lz4": _unpack_lz4,
}
