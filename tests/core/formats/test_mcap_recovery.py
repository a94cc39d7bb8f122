"""Recovery of cut-off MCAP files, judged by the official readers: Python's default one and npm's."""

import io
import json
import os
import shutil
import struct
import subprocess
from dataclasses import astuple, dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from innerface.cli import main
from innerface.core.errors import InnerfaceError
from innerface.core.formats.mcap_recovery import is_complete, recover
from mcap.opcode import Opcode
from mcap.reader import make_reader
from mcap.records import Message
from mcap.stream_reader import StreamReader
from mcap.writer import CompressionType, Writer

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Example:
    """A file: how its chunks are written, and what is in it."""

    compression: CompressionType
    chunked: bool
    chunk_bytes: int
    messages: int


EXAMPLES = st.builds(
    Example, st.sampled_from(CompressionType), st.booleans(), st.integers(200, 5000), st.integers(0, 80)
)


def written(example):
    """The bytes of an MCAP file that holds something of everything."""
    out = io.BytesIO()
    writer = Writer(out, chunk_size=example.chunk_bytes, compression=example.compression, use_chunking=example.chunked)
    writer.start("innerface", "a library")
    writer.add_metadata("innerface", {"name": "a take", "ärger": "ü"})
    schemas = [writer.register_schema(f"schema {k}", "jsonschema", b'{"type": "object"}') for k in range(2)]
    channels = [writer.register_channel(f"/track {k}", "json", schemas[k % 2], {"kind": f"{k}"}) for k in range(3)]
    for k in range(example.messages):
        late = 5 * (k % 3)
        writer.add_message(channels[k % 3], 1000 + 7 * k - late, json.dumps({"k": k}).encode(), 3 * k, 10 + k)
        if k == 50:
            writer.add_attachment(5, 6, "notes.txt", "text/plain", b"some notes " * 20)
            writer.add_metadata("in between", {"k": "50"})
    writer.add_metadata("innerface ending", {"seconds": "1.5"})
    writer.finish()
    return out.getvalue()


def record_ends(data):
    """Where each record of a file ends, and so where another one begins."""
    position, ends = 8, [8]
    while position < len(data) - 8:
        position += 9 + struct.unpack_from("<Q", data, position + 1)[0]
        ends.append(position)
    return ends


def starts(data, opcode):
    """Where the records of a kind begin."""
    return [at for at in record_ends(data)[:-1] if data[at] == opcode]


def streamed(data):
    """Messages that the official streaming reader finds before it gives up."""
    found = []
    try:
        for record in StreamReader(io.BytesIO(data)).records:
            if isinstance(record, Message):
                found.append((record.log_time, record.publish_time, record.sequence, record.data))
    except Exception:
        pass
    return found


@dataclass
class Contents:
    """What the official default reader finds in a file."""

    messages: list
    metadata: dict
    attachments: dict
    channels: dict
    header: tuple


def contents(path):
    with open(path, "rb") as source:
        reader = make_reader(source, validate_crcs=True)
        summary = reader.get_summary()
        assert summary is not None and summary.statistics is not None, "there is no index"
        messages = [
            (channel.topic, message.log_time, message.publish_time, message.sequence, message.data)
            for _, channel, message in reader.iter_messages(log_time_order=False)
        ]
        assert summary.statistics.message_count == len(messages)
        assert sorted(m[1] for m in messages) == [m.log_time for *_, m in reader.iter_messages()]
        return Contents(
            messages,
            {m.name: m.metadata for m in reader.iter_metadata()},
            {a.name: astuple(a) for a in reader.iter_attachments()},
            {
                c.topic: (c.message_encoding, c.metadata, astuple(summary.schemas[c.schema_id])[1:])
                for c in summary.channels.values()
            },
            astuple(reader.get_header()),
        )


def recovered(folder, data):
    (folder / "cut.mcap").write_bytes(data)
    recovery = recover(folder / "cut.mcap", folder / "out.mcap")
    found = contents(folder / "out.mcap")
    assert recovery.messages == len(found.messages) and recovery.channels == len(found.channels)
    return recovery, found


@settings(max_examples=25, deadline=None)
@given(EXAMPLES, st.data())
def test_the_default_reader_finds_everything_whole_wherever_the_file_was_cut(tmp_path_factory, example, data):
    folder, whole = tmp_path_factory.mktemp("cut"), written(example)
    (folder / "whole.mcap").write_bytes(whole)
    everything = contents(folder / "whole.mcap")
    at = data.draw(st.sampled_from(record_ends(whole))) + data.draw(st.integers(-12, 12))
    cut = whole[: min(max(at, 8), len(whole))]
    recovery, found = recovered(folder, cut)
    assert [m[1:] for m in found.messages[: len(streamed(cut))]] == streamed(cut), "whole messages are missing"
    assert found.messages == everything.messages[: len(found.messages)]
    assert found.metadata.items() <= everything.metadata.items()
    assert found.attachments.items() <= everything.attachments.items()
    assert found.channels.items() <= everything.channels.items()
    assert recovery.complete == (len(cut) == len(whole)) == is_complete(folder / "cut.mcap")
    assert len(cut) < len(whole) or (found == everything and not recovery.lost)


def test_messages_that_can_be_unpacked_of_a_cut_chunk_are_kept(tmp_path):
    for compression in CompressionType:
        whole = written(Example(compression, True, 1 << 24, 10_000))
        cut = whole[: (starts(whole, Opcode.CHUNK)[0] + starts(whole, Opcode.MESSAGE_INDEX)[0]) // 2]
        recovery, found = recovered(tmp_path, cut)
        assert not streamed(cut) and len(found.messages) > 2000 and "rest of a chunk" in recovery.lost[0], compression
        assert [m[3] for m in found.messages] == list(range(10, 10 + len(found.messages)))


def test_a_chunk_that_is_damaged_costs_no_other_chunk(tmp_path):
    whole = bytearray(written(Example(CompressionType.NONE, True, 2000, 120)))
    whole[whole.index(b'{"k": 70}') + 2] ^= 0x40
    recovery, found = recovered(tmp_path, bytes(whole))
    sequences = [m[3] for m in found.messages]
    assert (
        80 not in sequences
        and sequences[0] == 10
        and sequences[-1] == 129
        and "checksum" in recovery.lost[0]
        and recovery.complete
    )


def test_zeros_that_a_power_failure_left_at_the_end_are_told(tmp_path):
    whole = written(Example(CompressionType.ZSTD, True, 500, 40))
    cut = whole[: record_ends(whole)[8]]
    recovery, found = recovered(tmp_path, cut + bytes(4096))
    assert found.messages and recovery.lost_bytes == 4096 and "no record begins" in recovery.lost[0]


def test_a_chunk_that_unpacks_to_more_than_any_take_does_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr("innerface.core.formats.mcap_recovery._MAX_UNPACKED", 100_000)
    monkeypatch.setattr("innerface.core.formats.mcap_recovery._MAX_EXPANSION", 0)
    recovery, found = recovered(tmp_path, written(Example(CompressionType.ZSTD, True, 1 << 24, 10_000)))
    assert 1000 < len(found.messages) < 5000 and "too large" in recovery.lost[0]


def test_channels_that_are_described_anew_keep_their_messages_apart(tmp_path):
    first, second = (written(Example(CompressionType.NONE, False, 1000, 3)) for _ in range(2))
    second = second.replace(b"/track", b"/other")
    end, begin = starts(first, Opcode.DATA_END)[0], record_ends(second)[1]
    _, found = recovered(tmp_path, first[:end] + second[begin:])
    assert {m[0] for m in found.messages} == {f"/{name} {k}" for name in ("track", "other") for k in range(3)}


@pytest.mark.parametrize(
    ("content", "result"),
    [(b"", "no MCAP file"), (b"\x89MCAP", "no MCAP file"), (b"time,jawOpen\n", "no MCAP file"), (None, "no such file")],
)
def test_mistakes_end_in_one_line(tmp_path, capsys, content, result):
    path = tmp_path / "a.mcap"
    if content is not None:
        path.write_bytes(content)
    assert main(["recover", str(path), str(tmp_path / "b.mcap")]) == 2
    err = capsys.readouterr().err
    assert result in err and err.count("\n") == 1 and not (tmp_path / "b.mcap").exists()


def test_the_file_to_recover_is_never_the_result(tmp_path):
    path = tmp_path / "a.mcap"
    path.write_bytes(written(Example(CompressionType.ZSTD, True, 500, 40))[:-200])
    (tmp_path / "link.mcap").symlink_to(path)
    before = path.read_bytes()
    for out in (path, tmp_path / "link.mcap"):
        with pytest.raises(InnerfaceError, match="give another name"):
            recover(path, out)
    assert path.read_bytes() == before


def test_the_command_says_what_was_kept_and_lost(tmp_path, capsys):
    whole = written(Example(CompressionType.ZSTD, True, 500, 60))
    (tmp_path / "a.mcap").write_bytes(whole[: starts(whole, Opcode.CHUNK)[3] + 60])
    assert main(["recover", str(tmp_path / "a.mcap"), str(tmp_path / "b.mcap")]) == 0
    out, err = capsys.readouterr()
    assert "messages in 3 channels" in out and "was cut off" in out and "lost: " in err
    assert main(["recover", str(tmp_path / "a.mcap"), str(tmp_path / "b.mcap"), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["messages"] > 0 and result["lost"] and not result["complete"] and result["lost_bytes"] > 0


def test_another_programs_indexed_reader_finds_the_same(tmp_path):
    modules, node = os.environ.get("INNERFACE_NODE_MODULES", ""), shutil.which("node")
    if node is None or not (Path(modules) / "@mcap" / "core").exists():
        pytest.skip("npm's @mcap/core is not here; 'python3 build.py test' installs it where npm is")
    for compression in CompressionType:
        whole = written(Example(compression, True, 500, 60))
        _, found = recovered(tmp_path, whole[: starts(whole, Opcode.CHUNK)[-2]])
        command = [node, str(ROOT / "tests" / "readers" / "read_mcap.mjs"), str(tmp_path / "out.mcap")]
        theirs = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        ours = sorted(found.messages, key=lambda m: m[1])
        assert [[*m[:4], json.loads(m[4])] for m in theirs["messages"]] == [[*m[:4], json.loads(m[4])] for m in ours]
        assert theirs["metadata"] == found.metadata and theirs["attachments"].keys() == found.attachments.keys()
