"""A hub in a thread, as Blender has it."""

import time
from concurrent.futures import wait

import pytest
from innerface.core.errors import InnerfaceError
from innerface.server.hub_thread import HubThread
from innerface.server.messages import FaceSample
from innerface.server.sources.live_link_face import LiveLinkFaceSource
from innerface.server.sources.udp_device import DeviceSource


def running(thread, seconds=20):
    thread.start()
    end = time.monotonic() + seconds
    while thread.state == "starting" and time.monotonic() < end:
        time.sleep(0.01)
    return thread


@pytest.fixture
def threads():
    made = []
    yield lambda *a, **k: made.append(HubThread(*a, **k)) or made[-1]
    for thread in made:
        if thread.thread.is_alive():
            thread.stop(10)


def test_faces_come_out_in_order_and_all_at_once(threads):
    thread = running(threads(lambda: [LiveLinkFaceSource(port=0)], list, settings={"model": "linear"}))

    def send(hub):
        for k in range(5):
            hub.receive("x", FaceSample("phone", {"jawOpen": k / 10}, k * 0.02))

    assert wait([thread.submit(send)], 5).done
    frames = thread.pop_frames()
    assert [f.sequence for f in frames] == [1, 2, 3, 4, 5] and thread.pop_frames() == []
    time.sleep(0.5)
    assert thread.status.output == "camera" and thread.now() > 0


def test_a_port_that_is_taken_is_one_sentence_and_the_thread_ends(threads):
    first = running(threads(lambda: [DeviceSource(port=0)], list, settings={"model": "linear"}))
    port = first.hub.sources[0].port
    second = running(threads(lambda: [DeviceSource(port=port)], list, settings={"model": "linear"}))
    assert second.state == "ended" and str(port) in second.problem and "\n" not in second.problem


def test_the_next_thread_gets_the_ports_of_the_one_before(threads):
    first = running(threads(lambda: [DeviceSource(port=0)], list, settings={"model": "linear"}))
    port = first.hub.sources[0].port
    first.stop()
    assert (
        running(threads(lambda: [DeviceSource(port=port)], list, settings={"model": "linear"}, predecessor=first)).state
        == "running"
    )


def test_a_refused_command_is_in_its_future_and_a_note(threads):
    thread = running(threads(lambda: [DeviceSource(port=0)], list, settings={"model": "linear"}))
    done = thread.submit(lambda hub: hub.commands.calibrate())
    with pytest.raises(InnerfaceError, match="connect one first"):
        done.result(5)
    assert "connect one first" in thread.hub.notes[-1]
    with pytest.raises(ZeroDivisionError):
        thread.submit(lambda hub: 1 / 0).result(5)
    assert thread.state == "running"


def test_nothing_can_be_asked_of_one_that_does_not_run(threads):
    with pytest.raises(InnerfaceError, match="connect first"):
        threads(list, list).submit(lambda hub: None).result(1)


def test_a_recording_is_whole_when_the_thread_was_told_to_end(threads, tmp_path):
    from innerface.core.formats import mcap_take

    thread = running(
        threads(lambda: [LiveLinkFaceSource(port=0)], list, settings={"model": "linear", "folder": tmp_path})
    )
    thread.submit(lambda hub: hub.commands.record("a")).result(5)
    for k in range(30):
        thread.submit(lambda hub, k=k: hub.receive("x", FaceSample("phone", {"jawOpen": 0.5}, k * 0.02))).result(5)
    thread.stop(10)
    assert not thread.thread.is_alive() and mcap_take.read_summary(tmp_path / "a.mcap").complete


def test_sinks_change_while_it_runs(threads, tmp_path):
    from innerface.server.sinks.csv_file import CsvSink

    thread = running(threads(lambda: [LiveLinkFaceSource(port=0)], list, settings={"model": "linear"}))
    thread.submit(lambda hub: hub.set_sinks([CsvSink(str(tmp_path / "a.csv"))])).result(5)
    assert len(thread.hub.outputs.sinks) == 1
    thread.submit(lambda hub: hub.set_sinks([])).result(5)
    assert thread.hub.outputs.sinks == []
