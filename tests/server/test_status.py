"""The state of each source and sink: a light that is green only where things work."""

from types import SimpleNamespace

import numpy as np
from innerface.server.frame import Frame
from innerface.server.messages import DeviceInfo
from innerface.server.sinks.csv_file import CsvSink
from innerface.server.sinks.vmc import VmcSink
from innerface.server.sources.udp_device import DeviceSource
from innerface.server.status import Health

from .conftest import listening, sample, until


def test_a_target_that_nobody_listens_at_has_no_green_light_and_recovers(bridge, clock):
    async def work(hub):
        async with listening() as (port, _):
            pass  # closed again: the port is free
        sink = VmcSink(port=port)
        await sink.start(hub)
        frame = Frame(1, 0.0, 0.0, np.zeros(55), None, "sensors", True)
        assert sink.health().state == "ok", "nothing is known yet"
        await until(lambda: sink.put(frame) or sink.health().state == "away")
        assert f"nothing listens at 127.0.0.1:{port}" in sink.health().problem
        clock.time += 10.0  # no error since
        assert sink.health() == Health()
        await sink.stop()

    bridge(work, clock=clock)


def test_a_target_without_a_way_there_says_so(bridge):
    async def work(hub):
        sink = VmcSink()
        sink.hub = hub
        sink.on_error(OSError(113, "No route to host"))
        assert sink.health().state == "away" and "cannot be reached (No route to host)" in sink.health().problem

    bridge(work)


def test_a_source_without_data_and_one_with_a_problem_are_not_shown_as_working(bridge, clock):
    async def work(hub):
        source = DeviceSource(port=0)
        hub.sources = [source]
        (waiting,) = hub.status_report().sources
        hub.receive(source.name, sample(0), 0.0)
        (working,) = hub.status_report().sources
        hub.receive(source.name, DeviceInfo("7a3f", problem="it is hot"), 0.0)
        (hot,) = hub.status_report().sources
        clock.time = 30.0
        (silent,) = hub.status_report().sources
        hub.sources = []
        return waiting, working, hot, silent

    waiting, working, hot, silent = bridge(work, clock=clock)
    assert (waiting.state, waiting.problem) == ("away", "no data yet")
    assert (working.state, working.problem) == ("ok", "")
    assert (hot.state, hot.problem) == ("poor", "it is hot") and silent.state == "away"


def test_a_csv_that_cannot_be_written_any_more_has_failed(tmp_path, bridge):
    async def work(hub):
        sink = CsvSink(tmp_path / "out.csv")
        await sink.start(hub)
        sink.file.close()
        sink.file = SimpleNamespace(write=_full_disk, close=lambda: None)
        sink.put(Frame(1, 0.5, 0.5, np.zeros(55), None, "sensors", True))
        assert sink.health().state == "failed" and "free space" in sink.health().problem

    bridge(work)


def _full_disk(text):
    raise OSError(28, "No space left on device")
