"""The state of each source and sink: a light that is green only where things work."""

import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from innerface.server import registry
from innerface.server.frame import Frame
from innerface.server.messages import DeviceInfo
from innerface.server.sinks.csv_file import CsvSink
from innerface.server.sinks.vmc import VmcSink
from innerface.server.sources.udp_device import DeviceSource
from innerface.server.status import (
    BoardStatus,
    CheckStatus,
    ComponentStatus,
    ElectrodeStatus,
    Health,
    HubStatus,
    LatencyStatus,
    RecordingStatus,
    SilenceStatus,
    SiteStatus,
    StreamStatus,
    WaitingStatus,
    json_keys_of,
)
from innerface.server.status_report import source_statuses

from .conftest import listening, sample, until

ROOT = Path(__file__).resolve().parents[2]
PARTS = {
    "status": HubStatus,
    "component": ComponentStatus,
    "stream": StreamStatus,
    "silence": SilenceStatus,
    "waiting": WaitingStatus,
    "site": SiteStatus,
    "check": CheckStatus,
    "board": BoardStatus,
    "electrode": ElectrodeStatus,
    "latency": LatencyStatus,
    "recording": RecordingStatus,
}


@pytest.mark.parametrize("name", PARTS)
def test_the_page_reads_no_key_that_the_status_does_not_have(name):
    script = (ROOT / "server" / "web" / "page" / "page.js").read_text(encoding="utf-8")
    read = set(re.findall(rf"(?<![\w./]){name}\.(\w+)", script))
    assert read and read <= set(json_keys_of(PARTS[name])), f"{name}: {read - set(json_keys_of(PARTS[name]))}"


@pytest.mark.parametrize("name", PARTS)
def test_every_key_of_the_status_is_documented(name):
    text = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
    missing = [key for key in json_keys_of(PARTS[name]) if f"`{key}`" not in text and f"`status.{key}`" not in text]
    assert not missing, f"docs/protocol.md says nothing of {missing}"


def test_the_json_of_a_status_has_the_keys_of_its_definition():
    status = HubStatus(sinks=[ComponentStatus("vmc", "there", "ok", "")], streams=[StreamStatus("a", "b", "c", "imu")])
    said = status.to_json()
    assert list(said) == json_keys_of(HubStatus) and said["invented"] == [] and said["check"]["places"] is None
    assert said["sinks"] == [
        {"name": "vmc", "about": "there", "state": "ok", "problem": "", "can_retry": False, "dropped": {}}
    ]
    assert list(said["streams"][0]) == json_keys_of(StreamStatus)


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
    assert (waiting.state, waiting.problem) == ("away", ""), "it may only have been opened"
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


@pytest.mark.parametrize(
    "kind", [kind for kind, spec in registry.sources().items() if spec.needs_lan or not spec.extra]
)
def test_what_a_source_has_dropped_is_counted_by_reasons(kind):
    """An attribute of that name with another meaning would be taken for it."""
    needed = {
        "serial": "serial:/dev/null",
        "cyton": "cyton:/dev/null",
        "file": "file:a.csv",
        "bridge": "bridge:ws://127.0.0.1:1",
    }
    source = registry.make_source(needed.get(kind, kind))
    (status,) = source_statuses([source], [], 0.0)
    assert isinstance(status.dropped, dict)
