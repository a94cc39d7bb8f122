"""Recordings that a crash left are repaired when the bridge starts: never silently, never while they are written."""

import io
import os
import threading

import numpy as np
import pytest
from innerface.core import formats
from innerface.core.formats.mcap_take import read_summary
from innerface.server.recording.mcap_writer import McapWriter, TrackSample
from innerface.server.recording.recording_file import lock_file
from innerface.server.recording.take_repair import repair_folder
from mcap.reader import make_reader
from mcap.writer import Writer

from ..conftest import until


def recording(path):
    """A finished recording, written a while ago."""
    writer = McapWriter(path, path.stem, start_time=0.0)
    for k in range(3000):
        writer.put(TrackSample("imu", "imu", ("x",), 0.01 * k, np.array([float(k)])))
    writer.close({"seconds": "30"})
    rest(path)
    return path


def rest(path):
    """As if it had been written a while ago."""
    os.utime(path, (1e9, 1e9))


def cut(path, size):
    os.truncate(path, size)
    rest(path)
    return path.read_bytes()


def count(path):
    with open(path, "rb") as source:
        return make_reader(source).get_summary().statistics.message_count


def test_the_bridge_repairs_its_takes_when_it_starts_and_says_so(tmp_path, bridge):
    path = recording(tmp_path / "a.mcap")
    whole = recording(tmp_path / "whole.mcap").read_bytes()
    before = cut(path, 14_000)

    async def work(hub):
        await until(lambda: hub.notes)
        return list(hub.notes)

    (note,) = bridge(work, folder=tmp_path)
    assert "a.mcap" in note and "a.mcap.broken" in note and f"{count(path)} samples" in note
    assert (tmp_path / "a.mcap.broken").read_bytes() == before and count(path) > 500
    assert path.stat().st_mtime == 1e9 and read_summary(path).complete and not formats.read_take(path).notes
    assert (tmp_path / "whole.mcap").read_bytes() == whole
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.mcap", "a.mcap.broken", "whole.mcap"]


def test_a_recording_that_begins_has_its_folder_repaired(tmp_path, bridge):
    cut(recording(tmp_path / "takes" / "a.mcap"), 14_000)

    async def work(hub):
        hub.commands.record(path=tmp_path / "takes" / "b.mcap")
        await until(lambda: hub.notes)
        await hub.commands.stop_recording()

    bridge(work)
    assert (tmp_path / "takes" / "a.mcap.broken").exists() and count(tmp_path / "takes" / "b.mcap") == 0


def test_a_file_that_is_written_is_left_alone(tmp_path):
    writer = McapWriter(tmp_path / "a.mcap", "a", start_time=0.0)
    while not writer.bytes_written:
        threading.Event().wait(0.01)
    rest(tmp_path / "a.mcap")  # a source that sends nothing
    assert not list(repair_folder(tmp_path)) and not (tmp_path / "a.mcap.broken").exists()
    writer.close()


def test_a_file_that_grows_without_a_lock_is_left_alone(tmp_path, monkeypatch):
    path = recording(tmp_path / "a.mcap")
    cut(path, 14_000)
    os.utime(path)

    class Waits(threading.Event):
        def wait(self, timeout=None):
            with open(path, "ab") as growing:
                growing.write(b"more")
            return False

    assert not list(repair_folder(tmp_path, Waits())) and not (tmp_path / "a.mcap.broken").exists()


def test_only_takes_of_innerface_are_touched(tmp_path):
    out = io.BytesIO()
    writer = Writer(out)
    writer.start("ros2", "another program")
    writer.finish()
    files = {
        "other.mcap": out.getvalue()[:-20],
        "empty.mcap": b"",
        "text.mcap": b"not an MCAP file",
        ".hidden.mcap": cut(recording(tmp_path / "a.mcap"), 14_000),
    }
    (tmp_path / "a.mcap").unlink()
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "folder.mcap").mkdir()
    (tmp_path / "link.mcap").symlink_to(tmp_path / ".hidden.mcap")
    assert not list(repair_folder(tmp_path))
    assert {name: (tmp_path / name).read_bytes() for name in files} == files and (tmp_path / "link.mcap").is_symlink()


def test_a_second_crash_keeps_the_first_backup(tmp_path):
    path = recording(tmp_path / "a.mcap")
    first = cut(path, 14_000)
    assert len(list(repair_folder(tmp_path))) == 1
    second = cut(path, path.stat().st_size - 300)
    assert len(list(repair_folder(tmp_path))) == 1
    assert [(tmp_path / f"a.mcap.broken{k}").read_bytes() for k in ("", "2")] == [first, second]
    assert not list(repair_folder(tmp_path)), "what is repaired is not repaired again"


def test_a_repair_that_fails_or_is_cancelled_leaves_the_file_as_it_was(tmp_path, monkeypatch):
    path = recording(tmp_path / "a.mcap")
    before = cut(path, 14_000)

    def fails(*_):
        raise OSError(30, "Read-only file system")

    with monkeypatch.context() as patched:
        patched.setattr("innerface.server.recording.take_repair._keep", fails)
        (sentence,) = repair_folder(tmp_path)
    assert "Read-only" in sentence and "innerface recover" in sentence
    cancelled = threading.Event()
    cancelled.set()
    assert not list(repair_folder(tmp_path, cancelled))
    assert path.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == ["a.mcap"]


@pytest.mark.skipif(os.name == "nt", reason="an open file is protected otherwise there")
def test_a_lock_ends_with_its_file(tmp_path):
    (tmp_path / "a").write_bytes(b"a")
    with open(tmp_path / "a", "rb") as first, open(tmp_path / "a", "rb") as second:
        assert lock_file(first) and not lock_file(second)
        first.close()
        assert lock_file(second)
