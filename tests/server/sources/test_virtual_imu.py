"""The simulated device."""

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
