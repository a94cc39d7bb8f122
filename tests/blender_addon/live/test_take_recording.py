"""Recording along the timeline: ranges, loop, and the frame at which a take starts."""

from concurrent.futures import Future
from pathlib import Path

import innerface.blender_addon.live.take_recording
import innerface.blender_addon.properties.preferences
import innerface.core.errors
import pytest


class FakeServer:
    """Records nothing, and keeps the commands it was given."""

    def __init__(self, folder):
        self.folder, self.asked, self.fail = folder, [], None
        self.recording = self.commands = self

    def ask(self, command):
        result = Future()
        if self.fail is not None:
            result.set_exception(self.fail)
        else:
            result.set_result(command(self))
        return result

    def record(self, name, metadata):
        self.asked.append(("record", name, metadata))
        return str(Path(self.folder) / f"{name}.mcap")

    def stop_recording(self, ending):
        self.asked.append(("stop", ending))
        return {}


@pytest.fixture
def shot(addon, scene, tmp_path, monkeypatch):
    """`shot(range="SCENE", ...)`: a TakeRecording with a fake server and a clock that the test advances."""
    module, settings = (
        innerface.blender_addon.live.take_recording,
        innerface.blender_addon.properties.preferences.preferences(),
    )
    clock = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: clock[0])
    settings.playback = False
    server = FakeServer(tmp_path)
    done = []

    def make(**options):
        for name, value in options.items():
            setattr(scene.innerface, name, value)
        recording = module.TakeRecording(addon.context, server.ask, lambda path, problem: done.append((path, problem)))
        return recording, server, done, clock

    return make


def run(recording, clock, seconds, step=0.1):
    """Tick for some seconds; whether the recording has ended."""
    for _ in range(round(seconds / step)):
        clock[0] += step
        if recording.tick():
            return True
    return False


def test_until_stopped_records_from_the_playhead_under_slate_and_number(shot, scene):
    scene.frame_set(42)
    recording, server, done, clock = shot(slate="night 3", number=7)
    assert not run(recording, clock, 2.0) and recording.phase == "recording"
    kind, name, metadata = server.asked[0]
    assert (kind, name, metadata["slate"], metadata["take"], float(metadata["frame"]), float(metadata["fps"])) == (
        "record",
        "night 3_007",
        "night 3",
        "7",
        42.0,
        24.0,
    )
    assert metadata["timecode"].count(":") == 3
    recording.stop()
    assert (
        run(recording, clock, 1.0)
        and done == [(Path(server.folder) / "night 3_007.mcap", "")]
        and scene.innerface.number == 8
    )


def test_the_countdown_comes_first_and_cancelling_in_it_records_nothing(shot):
    innerface.blender_addon.properties.preferences.preferences().countdown = 3.0
    recording, server, done, clock = shot()
    assert not run(recording, clock, 2.0) and recording.seconds_left == pytest.approx(1.0) and not server.asked
    recording.stop()
    assert run(recording, clock, 1.0) and not server.asked and not done


def test_the_scene_range_ends_by_itself(shot, scene):
    scene.frame_start, scene.frame_end = 10, 58  # two seconds
    recording, server, _, clock = shot(range="SCENE")
    assert (
        run(recording, clock, 3.0)
        and [a[0] for a in server.asked] == ["record", "stop"]
        and float(server.asked[0][2]["frame"]) == 10
    )


def test_punch_in_records_the_preview_range_and_says_when_there_is_none(shot, scene):
    with pytest.raises(innerface.core.errors.InnerfaceError, match="press P in a timeline"):
        shot(range="PUNCH")
    scene.use_preview_range, scene.frame_preview_start, scene.frame_preview_end = True, 100, 124
    recording, server, _, clock = shot(range="PUNCH")
    assert run(recording, clock, 2.0) and float(server.asked[0][2]["frame"]) == 100


def test_an_empty_range_is_refused(shot, scene):
    scene.frame_start = scene.frame_end = 5
    with pytest.raises(innerface.core.errors.InnerfaceError, match="range to record is empty"):
        shot(range="SCENE")


def test_loop_records_take_after_take_until_stop(shot, scene):
    scene.frame_start, scene.frame_end = 0, 24
    recording, server, done, clock = shot(range="SCENE", loop=True, slate="a", number=1)
    assert not run(recording, clock, 3.5)
    recording.stop()
    assert run(recording, clock, 1.0)
    names = [a[1] for a in server.asked if a[0] == "record"]
    assert names[:3] == ["a_001", "a_002", "a_003"] and len(done) == len(names)


def test_an_error_of_the_server_is_reported_and_ends_the_recording(shot):
    recording, server, done, clock = shot()
    server.fail = innerface.core.errors.InnerfaceError("the disk is full")
    assert run(recording, clock, 1.0) and done == [(None, "the disk is full")]


def test_the_frame_at_the_start_of_a_recording_comes_from_playback():
    frame_zero = innerface.blender_addon.live.take_recording.frame_zero
    places = [(50 + int(24 * (k / 60) + 0.3), k / 60) for k in range(240)]
    assert float(frame_zero(places, 24.0)["frame_zero"]) == pytest.approx(50, abs=0.5)
    assert frame_zero([(50, k / 60) for k in range(240)], 24.0) == {} and frame_zero([], 24.0) == {}


def test_a_take_of_a_deleted_scene_is_kept(shot, addon):
    recording, server, done, clock = shot()
    run(recording, clock, 0.5)
    addon.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    recording.stop()
    assert run(recording, clock, 0.5) and len(done) == 1 and server.asked[-1][0] == "stop"
