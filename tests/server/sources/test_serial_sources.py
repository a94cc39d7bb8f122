"""Serial devices over pseudo-terminals."""

import asyncio
import os

import numpy as np
import pytest
from innerface.core import formats
from innerface.core.errors import InnerfaceError
from innerface.server.protocols import cobs, device
from innerface.server.sources.cyton import CytonSource
from innerface.server.sources.serial_device import SerialDeviceSource

from ..conftest import sample, until


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="this system has no pseudo-terminals")
def test_a_serial_device_is_received_and_reconnected_after_unplugging(bridge, tmp_path):
    link = tmp_path / "port"
    ends = []

    def plug():
        import tty

        master, slave = os.openpty()
        tty.setraw(slave)
        link.unlink(missing_ok=True)
        link.symlink_to(os.ttyname(slave))
        ends.append((master, slave))

    def send(numbers):
        for k in numbers:
            os.write(ends[-1][0], cobs.encode(device.encode(sample(k))) + b"\0")

    plug()
    source = SerialDeviceSource(str(link))

    async def work(hub):
        os.write(ends[0][0], b"half a frame of noise\0")
        send(range(20))
        await until(lambda: hub.streams and next(iter(hub.streams.values())).counter.received == 20)
        before = source.dropped.get("malformed", 0)
        os.write(ends[0][0], cobs.encode(device.encode(sample(20))[:-1] + b"?") + b"\0")
        await until(lambda: source.dropped == {"malformed": before + 1})
        for end in ends[0]:
            os.close(end)
        await until(lambda: source.problem)
        problem = source.describe()
        plug()
        await until(lambda: not source.problem and source.connection is not None)
        await asyncio.sleep(0.2)
        os.write(ends[1][0], b"\0")
        send(range(30, 40))
        await until(lambda: next(iter(hub.streams.values())).counter.received == 30)
        return problem, next(iter(hub.streams.values())).counter.lost

    problem, lost = bridge(work, [source])
    assert "plug the device in" in problem and lost == 10


def test_a_missing_serial_port_is_reported_with_the_known_ports(bridge):
    async def work(hub):
        with pytest.raises(InnerfaceError, match="known ports") as error:
            await SerialDeviceSource("/dev/ttyNOTHERE").start(hub)
        return str(error.value)

    assert "\n" not in bridge(work)


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="this system has no pseudo-terminals")
def test_a_cyton_is_reset_and_started_and_its_lost_samples_are_gaps(bridge, vector):
    import threading
    import tty

    master, slave = os.openpty()
    tty.setraw(slave)
    received, recording = bytearray(), threading.Event()

    def board():
        frame = bytearray(vector("cyton"))
        while True:
            try:
                received.extend(os.read(master, 64))
                if received.endswith(b"v"):
                    os.write(master, b"OpenBCI V3 8-16 channel\r\n$$$")
                if received.endswith(b"b"):
                    recording.wait(5)
                    for n in (*range(250, 256), 0, 1, 4, 5):
                        frame[1] = n
                        os.write(master, bytes(frame))
            except OSError:
                return

    thread = threading.Thread(target=board, daemon=True)
    thread.start()
    source = CytonSource(os.ttyname(slave))

    async def work(hub):
        hub.commands.record("bio")
        recording.set()
        await until(lambda: source.sample_count >= 12)
        await asyncio.sleep(0.1)
        return await hub.commands.stop_recording()

    result = bridge(work, [source])
    track = next(t for t in formats.read_take(result["path"]).tracks.values() if t.kind == "biosignal")
    assert bytes(received[:2]) == b"vb" and len(track.time) == 12 and np.isnan(track.values).all(1).sum() == 2
    assert np.abs(track.values[0] - (np.arange(8) - 4) * 2235.17444553).max() < 1e-3
    os.close(master)


class _Board:
    """A serial connection to a board that answers commands with `replies`."""

    def __init__(self, replies):
        self.replies, self.sent, self.waiting = replies, b"", b""

    def write(self, data):
        self.sent += data
        self.waiting += self.replies.get(data, b"")

    def read(self, _size):
        data, self.waiting = self.waiting, b""
        return data


def test_a_daisy_is_left_out_and_a_reset_without_an_answer_is_told(bridge):
    daisy = {b"v": b"OpenBCI V3\nOn Board ADS1299\nOn Daisy ADS1299\n$$$", b"c": b"daisy removed$$$"}

    async def work(hub):
        for board in (with_daisy, silent):
            source = CytonSource("COM9")
            source.hub = hub
            source.on_open(board)
        await until(lambda: len(hub.notes) == 2)
        return list(hub.notes)

    with_daisy, silent = _Board(daisy), _Board({})
    notes = bridge(work)
    assert with_daisy.sent == b"vcb" and "brainflow:cyton_daisy" in notes[0]
    assert silent.sent == b"vb" and "gain" in notes[1]
