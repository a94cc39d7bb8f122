"""Recording with the timeline: ranges, loop, and where on it a take lies."""

from concurrent.futures import Future
from pathlib import Path

import innerface.blender_addon.live.take_recording
import innerface.blender_addon.properties.preferences
import innerface.core.errors
import pytest


class Bridge:
    """Records nothing, and remembers what it was asked for."""

    def __init__(self, folder):
        self.folder, self.asked, self.fail = folder, [], None

    def ask(self, command):
        done = Future()
        if self.fail is not None:
            done.set_exception(self.fail)
        else:
            done.set_result(command(self))
        return done

    @property
    def options(self):
        return self

    def record(self, name, about):
        self.asked.append(("record", name, about))
        return str(Path(self.folder) / f"{name}.mcap")

    def stop_recording(self, ending):
        self.asked.append(("stop", ending))
        return {}


@pytest.fixture
def shot(addon, scene, tmp_path, monkeypatch):
    """`shot(range="SCENE", ...)`: a Shoot with a stand-in for the bridge and a clock that the test turns."""
    module, settings = (
        innerface.blender_addon.live.take_recording,
        innerface.blender_addon.properties.preferences.preferences(),
    )
    clock = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: clock[0])
    settings.playback = False
    bridge = Bridge(tmp_path)
    done = []

    def make(**options):
        for name, value in options.items():
            setattr(scene.innerface, name, value)
        shoot = module.Shoot(addon.context, bridge.ask, lambda path, problem: done.append((path, problem)))
        return shoot, bridge, done, clock

    return make


def turn(shoot, clock, seconds, step=0.1):
    """Ticks for so many seconds; whether it was over."""
    for _ in range(round(seconds / step)):
        clock[0] += step
        if shoot.tick():
            return True
    return False


def test_until_stopped_records_from_the_playhead_under_slate_and_number(shot, scene):
    scene.frame_set(42)
    shoot, bridge, done, clock = shot(slate="night 3", number=7)
    assert not turn(shoot, clock, 2.0) and shoot.phase == "recording"
    kind, name, about = bridge.asked[0]
    assert (kind, name, about["slate"], about["take"], float(about["frame"]), float(about["fps"])) == (
        "record",
        "night 3_007",
        "night 3",
        "7",
        42.0,
        24.0,
    )
    assert about["timecode"].count(":") == 3
    shoot.stop()
    assert (
        turn(shoot, clock, 1.0)
        and done == [(Path(bridge.folder) / "night 3_007.mcap", "")]
        and scene.innerface.number == 8
    )


def test_the_countdown_comes_first_and_cancelling_in_it_records_nothing(shot):
    innerface.blender_addon.properties.preferences.preferences().countdown = 3.0
    shoot, bridge, done, clock = shot()
    assert not turn(shoot, clock, 2.0) and shoot.left == pytest.approx(1.0) and not bridge.asked
    shoot.stop()
    assert turn(shoot, clock, 1.0) and not bridge.asked and not done


def test_the_scenes_range_ends_by_itself(shot, scene):
    scene.frame_start, scene.frame_end = 10, 58  # two seconds
    shoot, bridge, _, clock = shot(range="SCENE")
    assert (
        turn(shoot, clock, 3.0)
        and [a[0] for a in bridge.asked] == ["record", "stop"]
        and float(bridge.asked[0][2]["frame"]) == 10
    )


def test_punch_in_takes_the_preview_range_and_says_when_there_is_none(shot, scene):
    with pytest.raises(innerface.core.errors.InnerfaceError, match="set one with P"):
        shot(range="PUNCH")
    scene.use_preview_range, scene.frame_preview_start, scene.frame_preview_end = True, 100, 124
    shoot, bridge, _, clock = shot(range="PUNCH")
    assert turn(shoot, clock, 2.0) and float(bridge.asked[0][2]["frame"]) == 100


def test_a_range_of_nothing_is_refused(shot, scene):
    scene.frame_start = scene.frame_end = 5
    with pytest.raises(innerface.core.errors.InnerfaceError, match="ends where it begins"):
        shot(range="SCENE")


def test_loop_records_take_after_take_until_stop(shot, scene):
    scene.frame_start, scene.frame_end = 0, 24
    shoot, bridge, done, clock = shot(range="SCENE", loop=True, slate="a", number=1)
    assert not turn(shoot, clock, 3.5)
    shoot.stop()
    assert turn(shoot, clock, 1.0)
    names = [a[1] for a in bridge.asked if a[0] == "record"]
    assert names[:3] == ["a_001", "a_002", "a_003"] and len(done) == len(names)


def test_what_the_bridge_refuses_is_told_and_ends_it(shot):
    shoot, bridge, done, clock = shot()
    bridge.fail = innerface.core.errors.InnerfaceError("the disk is full")
    assert turn(shoot, clock, 1.0) and done == [(None, "the disk is full")]


def test_the_frame_at_a_recordings_zero_comes_from_what_played():
    frame_zero = innerface.blender_addon.live.take_recording.frame_zero
    places = [(50 + int(24 * (k / 60) + 0.3), k / 60) for k in range(240)]
    assert float(frame_zero(places, 24.0)["frame_zero"]) == pytest.approx(50, abs=0.5)
    assert frame_zero([(50, k / 60) for k in range(240)], 24.0) == {} and frame_zero([], 24.0) == {}


def test_a_take_of_a_scene_that_is_gone_is_kept_all_the_same(shot, addon):
    shoot, bridge, done, clock = shot()
    turn(shoot, clock, 0.5)
    addon.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    shoot.stop()
    assert turn(shoot, clock, 0.5) and len(done) == 1 and bridge.asked[-1][0] == "stop"
