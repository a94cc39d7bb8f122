import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
from innerface.core import formats
from innerface.core.errors import InnerfaceError
from innerface.core.imu.signal import column_names
from innerface.server.recording.mcap_writer import McapWriter, TrackSample

SITES = ("aux", "frontalis_left")
COLUMNS = column_names(SITES)


def fill(recorder, count, first=0):
    for k in range(first, first + count):
        values, meta = np.full(len(COLUMNS), k / 7), {"acceleration": "specific_force"}
        recorder.put(TrackSample("imu", "imu", COLUMNS, 100.0 + k * 0.01, values, meta, {"sequence": k}))


def test_a_recorded_take_is_read_back_on_its_own_clock(tmp_path):
    recorder = McapWriter(tmp_path / "a.mcap", "a", start_time=100.0)
    fill(recorder, 500)
    recorder.put(TrackSample("events", "events", ("mark",), 102.5, np.array([1.0]), extra={"text": "here"}))
    recorder.close()
    take = formats.read_take(tmp_path / "a.mcap")
    track = take.tracks["imu"]
    assert not take.notes and len(track.time) == 500 and np.abs(track.time - np.arange(500) * 0.01).max() < 1e-9
    assert (
        np.abs(track.values[:, 0] - np.arange(500) / 7).max() < 1e-6
        and track.meta["acceleration"] == "specific_force"
        and "utc" in track.meta
    )
    assert take.tracks["events"].time.tolist() == [2.5]


def test_late_and_repeated_samples_are_sorted_when_read(tmp_path):
    recorder = McapWriter(tmp_path / "a.mcap", "a", start_time=100.0)
    for k in (0, 1, 3, 2, 3, 4):
        fill(recorder, 1, k)
    recorder.close()
    assert np.abs(formats.read_take(tmp_path / "a.mcap").tracks["imu"].time - np.arange(5) * 0.01).max() < 1e-9


def test_a_take_is_never_overwritten_and_an_invalid_path_is_rejected(tmp_path):
    (tmp_path / "a.mcap").write_bytes(b"old")
    with pytest.raises(InnerfaceError, match="never overwritten"):
        McapWriter(tmp_path / "a.mcap", "a", start_time=0.0)
    with pytest.raises(InnerfaceError, match="cannot be written"):
        McapWriter(tmp_path / "a.mcap" / "b.mcap", "b", start_time=0.0)


def test_a_take_cut_off_at_any_byte_is_read_up_to_its_last_whole_chunk(tmp_path):
    recorder = McapWriter(tmp_path / "a.mcap", "a", start_time=100.0)
    fill(recorder, 600)
    recorder.close()
    whole = (tmp_path / "a.mcap").read_bytes()
    rng, counts = np.random.default_rng(0), []
    for size in sorted(rng.integers(len(whole) // 8, len(whole) - 1, 40).tolist()):
        (tmp_path / "cut.mcap").write_bytes(whole[:size])
        take = formats.read_take(tmp_path / "cut.mcap")
        track = take.tracks["imu"]
        assert (
            take.notes
            and "cut off" in take.notes[0]
            and np.abs(track.time - np.arange(len(track.time)) * 0.01).max() < 1e-9
        )
        counts.append(len(track.time))
    assert counts == sorted(counts) and counts[0] > 0 and counts[-1] >= 500


class Disk:
    """A file on a disk that is full for a while."""

    def __init__(self, raw):
        self.raw, self.full, self.fails = raw, False, 0

    def write(self, data):
        if self.full:
            self.fails += 1
            self.raw.write(bytes(data)[: len(data) // 2])  # half of it still fits
            raise OSError(28, "No space left on device")
        return self.raw.write(data)

    def __getattr__(self, name):
        return getattr(self.raw, name)


def test_nothing_is_lost_while_the_disk_is_full_for_a_while(tmp_path):
    recorder = McapWriter(tmp_path / "a.mcap", "a", start_time=100.0)
    fill(recorder, 200)
    time.sleep(0.3)
    disk = recorder.file.raw = Disk(recorder.raw)
    disk.full = True
    began = time.monotonic()
    fill(recorder, 400, 200)
    assert time.monotonic() - began < 0.2, "reception waits for the disk"
    time.sleep(0.8)
    assert disk.fails > 0 and "No space left" in recorder.problem and "free space" in recorder.problem
    disk.full = False
    time.sleep(0.5)
    recorder.close()
    take = formats.read_take(tmp_path / "a.mcap")
    assert not take.notes and len(take.tracks["imu"].time) == 600 and recorder.dropped == 0 and recorder.problem == ""


def test_a_disk_that_stays_full_ends_the_take_and_leaves_a_readable_one(tmp_path):
    recorder = McapWriter(tmp_path / "a.mcap", "a", start_time=100.0)
    fill(recorder, 300)
    time.sleep(0.3)
    recorder.file.raw = Disk(recorder.raw)
    recorder.file.raw.full = True
    fill(recorder, 300, 300)
    began = time.monotonic()
    recorder.close()
    assert time.monotonic() - began < 8 and recorder.problem
    assert 100 < len(formats.read_take(tmp_path / "a.mcap").tracks["imu"].time) < 600


def test_messages_that_do_not_fit_into_memory_are_counted(tmp_path, monkeypatch):
    monkeypatch.setattr("innerface.server.recording.mcap_writer._MAX_QUEUED_MESSAGES", 50)
    recorder = McapWriter(tmp_path / "a.mcap", "a", start_time=100.0)
    time.sleep(0.2)
    recorder.file.raw = Disk(recorder.raw)
    recorder.file.raw.full = True
    fill(recorder, 3000)
    recorder.abort.set()
    recorder.close()
    assert recorder.dropped > 0


CRASH = """
    import sys, time
    import numpy as np
    from innerface.core.imu.signal import column_names
    from innerface.server.recording.mcap_writer import McapWriter, TrackSample
    names = column_names(tuple(f"site{k}" for k in range(11)))
    recorder, k = McapWriter(sys.argv[1], "crash", start_time=0.0), 0
    print("on", flush=True)
    while True:
        recorder.put(TrackSample("imu", "imu", names, k * 0.01, np.full(len(names), float(k))))
        k += 1
        if k % 20 == 0:
            print(k, flush=True)
            time.sleep(0.004)
"""


def killed(folder, number, after):
    """A recording process, killed at a random moment: number of samples it queued, and the take."""
    path = folder / f"crash{number}.mcap"
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(CRASH), str(path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "on\n"
    time.sleep(after)
    os.kill(process.pid, signal.SIGKILL)
    lines = process.stdout.read().split()
    process.wait()
    return int(lines[-1]) if lines else 0, path


def check_killed(folder, times, seed):
    rng = np.random.default_rng(seed)
    for k in range(times):
        handed, path = killed(folder, k, float(rng.uniform(0.15, 0.6)))
        try:
            track = formats.read_take(path).tracks["imu"]
        except InnerfaceError:
            assert handed < 100, "a take with whole chunks in it cannot be read"
            continue
        count = len(track.time)
        assert (track.values[:, 0] == np.arange(count)).all() and count > 0
        assert handed - count < 600, "more was lost than the last chunk and what waited for it"
        path.unlink()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_a_recorder_that_is_killed_leaves_all_whole_chunks(tmp_path):
    check_killed(tmp_path, 3, 1)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_a_recorder_that_is_killed_fifty_times_leaves_all_whole_chunks(tmp_path):
    check_killed(tmp_path, 50, 2)
