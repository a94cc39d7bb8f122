import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
from innerface.core import formats
from innerface.core.errors import InnerfaceError
from innerface.core.formats.mcap_recovery import recover
from innerface.core.imu.signal import column_names
from innerface.server.recording.mcap_writer import McapWriter, TrackSample
from mcap.reader import make_reader

SITES = ("aux", "frontalis_left")
COLUMNS = column_names(SITES)


@pytest.fixture(autouse=True)
def often(monkeypatch):
    """What waits is written often, so that tests need not wait for it."""
    monkeypatch.setattr("innerface.server.recording.mcap_writer._FLUSH_S", 0.02)


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
    disk = recorder.file.raw = Disk(recorder.file.raw)
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
    recorder.file.raw = Disk(recorder.file.raw)
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
    recorder.file.raw = Disk(recorder.file.raw)
    recorder.file.raw.full = True
    fill(recorder, 3000)
    recorder.abort.set()
    recorder.close()
    assert recorder.dropped > 0


def settle(recorder, condition):
    """Wait until the writer's thread has done something."""
    for _ in range(1000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError(f"it did not come: {recorder.rows} rows, {recorder.problem}")


def written(recorder, count, first=0):
    """Samples that are in the file."""
    fill(recorder, count, first)
    settle(recorder, lambda: recorder.rows == first + count)


def sequences(path):
    with open(path, "rb") as source:
        return [json.loads(m.data)["sequence"] for *_, m in make_reader(source).iter_messages(log_time_order=False)]


def test_rows_are_counted_once_they_are_in_the_file(tmp_path):
    recorder = McapWriter(tmp_path / "a.mcap", "a", start_time=100.0)
    written(recorder, 300)
    disk = recorder.file.raw = Disk(recorder.file.raw)
    disk.full = True
    fill(recorder, 300, 300)
    settle(recorder, lambda: recorder.problem)
    copy = tmp_path / "copy.mcap"
    shutil.copy(tmp_path / "a.mcap", copy)
    recover(copy, tmp_path / "b.mcap")
    assert len(sequences(tmp_path / "b.mcap")) == recorder.rows >= 300
    recorder.abort.set()
    recorder.close()
    recover(tmp_path / "a.mcap", tmp_path / "c.mcap")
    assert recorder.rows == len(sequences(tmp_path / "c.mcap")) and recorder.rows + recorder.dropped == 600


def test_a_file_size_limit_of_the_system_is_a_full_disk(tmp_path):
    code = """
        import json, resource, signal, sys, time
        import numpy as np
        from innerface.server.recording.mcap_writer import McapWriter, TrackSample
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))
        recorder = McapWriter(sys.argv[1], "a", start_time=0.0)
        values = np.random.default_rng(0).normal(size=(3000, 40))
        for k in range(3000):
            recorder.put(TrackSample("imu", "imu", tuple(map(str, range(40))), k * 0.01, values[k]))
        while not recorder.problem:
            time.sleep(0.01)
        recorder.abort.set()
        recorder.close()
        print(json.dumps([recorder.rows, recorder.dropped, recorder.problem]))
    """
    if sys.platform == "win32":
        pytest.skip("limits of this kind are POSIX")
    command = [sys.executable, "-c", textwrap.dedent(code), str(tmp_path / "a.mcap")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rows, dropped, problem = json.loads(done.stdout)
    assert recover(tmp_path / "a.mcap", tmp_path / "b.mcap").messages == rows > 0
    assert rows + dropped == 3000 and "free space" in problem


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be deleted there")
@pytest.mark.parametrize("loss", ["deleted", "moved", "replaced", "folder deleted"])
def test_a_file_that_is_taken_away_goes_on_beside_with_everything_in_it(tmp_path, loss):
    path = tmp_path / "takes" / "a.mcap"
    recorder = McapWriter(path, "a", start_time=100.0)
    written(recorder, 200)
    if loss == "deleted":
        path.unlink()
    elif loss == "moved":
        path.rename(tmp_path / "b.mcap")
    elif loss == "replaced":
        (tmp_path / "other").write_bytes(b"another file")
        (tmp_path / "other").replace(path)
    else:
        shutil.rmtree(path.parent)
    settle(recorder, lambda: "a-2.mcap" in recorder.problem)  # without a single sample
    assert str(path) in recorder.problem
    fill(recorder, 200, 200)
    recorder.close()
    assert recorder.path == path.with_name("a-2.mcap") and (recorder.rows, recorder.dropped) == (400, 0)
    assert sequences(recorder.path) == list(range(400)) and not formats.read_take(recorder.path).notes
    if loss == "replaced":
        assert path.read_bytes() == b"another file", "the other program's file was touched"


@pytest.mark.parametrize("size", [0, 9000])
def test_what_was_cut_away_is_counted_and_the_rest_recorded_beside(tmp_path, size):
    path = tmp_path / "a.mcap"
    recorder = McapWriter(path, "a", start_time=100.0)
    for first in range(0, 2000, 50):
        written(recorder, 50, first)
    assert path.stat().st_size > 9000
    os.truncate(path, size)
    settle(recorder, lambda: "a-2.mcap" in recorder.problem)
    fill(recorder, 200, 2000)
    recorder.close()
    kept = recover(path, tmp_path / "b.mcap").messages if size else 0
    assert recorder.rows + recorder.dropped == 2200 and f"{recorder.dropped} rows" in recorder.problem
    assert 0 <= kept - (2000 - recorder.dropped) <= 50, "a chunk whose index was cut away counts as lost"
    assert sequences(tmp_path / "a-2.mcap") == list(range(2000, 2200)) and (kept > 0) == (size > 0)
    assert recorder.paths == [path, tmp_path / "a-2.mcap"]


def test_a_file_that_another_program_writes_over_counts_as_lost(tmp_path):
    path = tmp_path / "a.mcap"
    recorder = McapWriter(path, "a", start_time=100.0)
    written(recorder, 200)
    path.write_bytes(b"longer than the recording" * 10_000)
    settle(recorder, lambda: "a-2.mcap" in recorder.problem)
    fill(recorder, 100, 200)
    recorder.close()
    assert (recorder.rows, recorder.dropped) == (100, 200) and "200 rows" in recorder.problem
    assert sequences(tmp_path / "a-2.mcap") == list(range(200, 300))


def test_a_file_that_goes_away_while_it_is_closed_is_not_reported_as_saved(tmp_path, monkeypatch):
    path = tmp_path / "a.mcap"
    recorder = McapWriter(path, "a", start_time=100.0)
    written(recorder, 200)
    sync = recorder.file.sync
    monkeypatch.setattr(recorder.file, "sync", lambda: (sync(), path.exists() and path.unlink()))
    recorder.close()
    assert recorder.problem and recorder.path != path and sequences(recorder.path) == list(range(200))


def test_sensors_that_change_with_every_packet_are_bounded_and_told(tmp_path):
    recorder = McapWriter(tmp_path / "a.mcap", "a", start_time=0.0)
    for k in range(400):
        recorder.put(TrackSample("imu", "imu", (f"site{k}.qw",), k * 0.01, np.zeros(1)))
    recorder.close()
    assert (recorder.rows, recorder.dropped) == (256, 144) and "restart the device" in recorder.problem


def test_memory_is_bounded_while_the_disk_is_full(tmp_path, monkeypatch):
    monkeypatch.setattr("innerface.server.recording.mcap_writer._MAX_QUEUED_BYTES", 100_000)
    recorder = McapWriter(tmp_path / "a.mcap", "a", start_time=100.0)
    settle(recorder, lambda: recorder.bytes_written)
    disk = recorder.file.raw = Disk(recorder.file.raw)
    disk.full = True
    fill(recorder, 3000)
    assert 0 < recorder.queue.qsize() <= 100 and recorder.dropped > 2000
    recorder.abort.set()
    recorder.close()


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
    """Innerface reads what a killed recorder left, and so does the official default reader once it is recovered."""
    rng = np.random.default_rng(seed)
    for k in range(times):
        handed, path = killed(folder, k, float(rng.uniform(0.0, 0.6)))
        messages = recover(path, folder / "recovered.mcap").messages
        with open(folder / "recovered.mcap", "rb") as source:
            reader = make_reader(source, validate_crcs=True)
            assert reader.get_summary().statistics.message_count == messages
            log_times = [m.log_time for *_, m in reader.iter_messages()]
        assert log_times == [round(j * 1e7) for j in range(messages)]
        assert handed - messages < 600, "more was lost than the last chunk and what waited for it"
        if messages:
            values = formats.read_take(path).tracks["imu"].values
            assert (values[:, 0] == np.arange(messages)).all()
        path.unlink()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_a_recorder_that_is_killed_leaves_all_whole_chunks(tmp_path):
    check_killed(tmp_path, 3, 1)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_a_recorder_that_is_killed_fifty_times_leaves_all_whole_chunks(tmp_path):
    check_killed(tmp_path, 50, 2)
