"""The simulated device."""

import time

from innerface.server.sources.virtual_imu import VirtualImu, VirtualImuOptions

from ..conftest import until


def test_a_device_that_drops_out_and_returns_keeps_its_session(bridge):
    source = VirtualImu(VirtualImuOptions(disconnect=(3.0, 1.7), serial=True))

    async def work(hub):
        await until(lambda: any("is back" in n for n in hub.notes), 15)
        stream = next(s for s in hub.streams.values() if s.counter.received)
        return stream.counter.received, stream.clock.restarts, list(hub.notes), stream.session_device

    received, restarts, notes, number = bridge(work, [source])
    assert received > 100 and restarts == 0 and number is not None and "51ce is back after 1." in notes[-1]


def test_a_busy_computer_is_not_taken_for_a_device_whose_clock_is_wrong(bridge):
    async def work(hub):
        await until(lambda: any(s.counter.received > 50 for s in hub.streams.values()), 30)
        stream = next(s for s in hub.streams.values() if s.counter.received)
        for _ in range(4):  # nothing runs meanwhile
            time.sleep(0.6)
            received = stream.counter.received
            await until(lambda received=received: stream.counter.received > received + 30, 30)
        return stream.report(hub.now())

    stream = bridge(work, [VirtualImu(VirtualImuOptions(serial=True))])
    assert (stream.restarts, stream.late, stream.lost, stream.problem) == (0, 0, 0, "")
    assert set(stream.dropped) <= {"starting"}
