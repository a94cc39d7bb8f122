"""Small files that ask for much are refused in a line before it is allocated."""

import io
import json
import struct
import time
import tracemalloc
import zipfile

import numpy as np
import pytest
from innerface.core import formats
from innerface.core.bio.signal import to_uniform_rate
from innerface.core.errors import InnerfaceError
from innerface.core.formats import mcap_records, mcap_take
from innerface.core.imu import adapter
from innerface.core.take import Take, Track
from innerface.core.take.resample import check_pauses, frame_times
from mcap.writer import CompressionType, Writer

_MAX_MEMORY, _MAX_SECONDS = 100 << 20, 5.0


def record(code, body):
    return bytes([code]) + struct.pack("<Q", len(body)) + body


def text(content):
    return struct.pack("<I", len(content)) + content.encode()


def channel(columns, kind="weights"):
    pairs = text("kind") + text(kind) + text("columns") + text(columns)
    return record(4, struct.pack("<HH", 1, 0) + text("/weights") + text("json") + struct.pack("<I", len(pairs)) + pairs)


def message(k, body):
    return record(5, struct.pack("<HIQQ", 1, k, k, k) + body)


def chunk(packed, claimed, compression="zstd"):
    head = struct.pack("<QQQI", 0, 0, claimed, 0)
    return record(6, head + text(compression) + struct.pack("<Q", len(packed)) + packed)


def mcap(*records):
    return mcap_take.MAGIC + record(1, text("") + text("")) + b"".join(records)


def packed(content, compression="zstd"):
    if compression == "lz4":
        import lz4.frame

        return lz4.frame.compress(content)
    import zstandard

    return zstandard.compress(content)


def refuses(read, *words):
    """`read()` raises InnerfaceError with these words, within limits of memory and time."""
    tracemalloc.start()
    began = time.process_time()
    try:
        with pytest.raises(InnerfaceError) as error:
            read()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert time.process_time() - began < _MAX_SECONDS and peak < _MAX_MEMORY
    assert "\n" not in str(error.value)
    for word in words:
        assert word in str(error.value), str(error.value)


def refuses_file(tmp_path, content, *words, name="x.mcap"):
    (tmp_path / name).write_bytes(content)
    refuses(lambda: formats.read_take(tmp_path / name), name, *words)


@pytest.mark.parametrize("compression", ["zstd", "lz4"])
def test_a_chunk_that_unpacks_to_much_is_not_unpacked(tmp_path, compression):
    zeros = bytes(200 << 20)
    honest = chunk(packed(zeros, compression), len(zeros), compression)
    refuses_file(tmp_path, mcap(honest), "200 MiB")
    lying = chunk(packed(zeros, compression), 1000, compression)  # claims little, holds much
    refuses_file(tmp_path, mcap(lying), "no track")


def test_many_chunks_that_unpack_to_much_together_are_not_unpacked(tmp_path):
    content = b"".join(record(200, bytes(1 << 20)) for _ in range(8))  # records of a kind that nobody knows
    refuses_file(tmp_path, mcap(*[chunk(packed(content), len(content))] * 30), "times the file's size")


def test_more_records_than_a_file_can_hold_are_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(mcap_records, "_MAX_RECORDS", 20_000)
    content = message(1, b"") * 10_000
    refuses_file(tmp_path, mcap(*[chunk(packed(content), len(content))] * 8), "more records")


@pytest.mark.parametrize(
    ("columns", "word"),
    [
        (json.dumps([f"c{k}" for k in range(50_000)]), "50000 columns"),
        ("[" * 100_000, "cannot be read"),
        ('{"a": 1}', "cannot be read"),
    ],
)
def test_more_columns_than_a_track_may_have_are_not_read(tmp_path, columns, word):
    refuses_file(tmp_path, mcap(channel(columns), message(0, b'{"time":0}')), "/weights", word)


def test_columns_that_samples_leave_empty_are_not_filled_without_end(tmp_path):
    columns = json.dumps([f"c{k}" for k in range(4000)])
    content = b"".join(message(k, b'{"time":%d}' % k) for k in range(10_000))
    refuses_file(tmp_path, mcap(channel(columns), chunk(packed(content), len(content))), "leave empty")


def test_a_channel_of_another_program_is_left_aside_whatever_its_columns(tmp_path):
    path = tmp_path / "x.mcap"
    with open(path, "wb") as out:
        writer = Writer(out, compression=CompressionType.LZ4)
        writer.start()
        other = writer.register_channel("/other", "json", 0, {"columns": "a,b"})
        ours = writer.register_channel("/weights", "json", 0, {"kind": "weights", "columns": '["jawOpen"]'})
        for k in range(3):
            writer.add_message(other, k, b"no JSON", k)
            writer.add_message(ours, k, b'{"time": %d, "jawOpen": 0.5}' % k, k)
        writer.finish()
    take = formats.read_take(path)
    assert list(take.tracks) == ["weights"] and len(take.weights().time) == 3


def npz(dtype, shape, method=zipfile.ZIP_DEFLATED, name="kind"):
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", method) as archive, archive.open(f"{name}.npy", "w") as out:
        np.lib.format.write_array_header_1_0(out, {"descr": dtype, "fortran_order": False, "shape": shape})
        left = int(np.prod(shape)) * np.dtype(dtype).itemsize
        while left > 0:
            out.write(bytes(min(left, 1 << 24)))
            left -= 1 << 24
    return held.getvalue()


@pytest.mark.parametrize("dtype", ["<f4", "|i1", "<U1000"])
def test_an_array_that_unpacks_to_much_is_not_unpacked(tmp_path, dtype):
    size = {"<f4": 100_000_000, "|i1": 100_000_000, "<U1000": 100_000}[dtype]
    (tmp_path / "a.npz").write_bytes(npz(dtype, (size,)))
    refuses(lambda: adapter.load(tmp_path / "a.npz"), "a.npz", "adapt")


def test_flames_arrays_that_are_too_large_are_not_unpacked(tmp_path):
    refuses_file(tmp_path, npz("<f8", (1, 60_000_000), name="expression"), "numbers together", name="x.flame.npz")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_archive_packed_as_numpy_never_does_is_refused(tmp_path, method):
    (tmp_path / "a.npz").write_bytes(npz("<f4", (10,), method))
    refuses(lambda: adapter.load(tmp_path / "a.npz"), "a.npz")


@pytest.mark.parametrize("end", ["x", "e", ".x", "."])
def test_a_long_first_cell_is_looked_at_in_no_time(tmp_path, end):
    refuses_file(tmp_path, ("1" * 120_000 + end + ",0" * 23 + "\n").encode(), "line 1", name="x.csv")


def test_a_table_of_too_many_columns_is_refused(tmp_path):
    wide = ",".join(["time", *(f"c{k}" for k in range(50_000))])
    refuses_file(tmp_path, f"# innerface-biosignal 1 unit=uV\n{wide}\n".encode(), "columns", name="x.bio.csv")
    refuses_file(tmp_path, f"{wide}\n".encode(), "columns", name="x.csv")


def test_json_of_nothing_but_lists_is_refused(tmp_path):
    refuses_file(tmp_path, b'{"names": [' + b"[]," * 1_000_000 + b'0], "frames": []}', "lists", name="x.json")
    refuses_file(tmp_path, b"[" * 100_000, name="y.json")


def electrodes(time_):
    return Track("biosignal", time_, ("lower",), np.zeros((len(time_), 1)), {"rate_hz": "250"})


@pytest.mark.parametrize("hours", [24, 1e6])
def test_a_pause_that_nobody_can_mean_is_named_and_not_filled(hours):
    both = np.arange(8000) / 250 + np.where(np.arange(8000) >= 4000, hours * 3600, 0)
    refuses(lambda: to_uniform_rate(electrodes(both)), "after row 4000", "16 s from the start", "cut")
    refuses(lambda: frame_times(both, 60.0), "after row 4000")


def test_times_in_another_unit_are_not_filled():
    refuses(lambda: frame_times(np.arange(500) * 1000.0, 60.0), "500 rows", "correct the times")


def test_a_pause_within_reason_is_kept():
    pause = np.concatenate([np.arange(1000), np.arange(1000) + 250 * 600]) / 250
    check_pauses(pause)
    assert len(to_uniform_rate(electrodes(pause)).values) == 151_000


def test_times_that_no_file_can_hold_are_refused_by_the_writer(tmp_path):
    take = Take("x", {"weights": Track("weights", np.array([0.0, 1e300]), ("jawOpen",), np.zeros((2, 1)))})
    refuses(lambda: formats.write_take(take, tmp_path / "x.mcap"), "span")
    assert not (tmp_path / "x.mcap").exists()
