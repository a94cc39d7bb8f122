"""Connect, calibrate, record and bake by the operators behind the buttons; the test runs the timer's callback."""

import socket
import sys
import time
from pathlib import Path

import innerface.blender_addon.compat
import innerface.blender_addon.live.connection
import innerface.blender_addon.live.session
import innerface.blender_addon.live.take_list
import innerface.blender_addon.properties.preferences
import innerface.core.errors
import innerface.core.face.channels
import innerface.core.formats.mcap_take
import innerface.server.protocols.live_link_face
import numpy as np
import pytest


@pytest.fixture
def live(addon):
    """The session, with a head in the scene."""
    addon.ops.innerface.add_head()
    return innerface.blender_addon.live.session.session


def play(live, until, seconds=60.0):
    """Run the timer's callback until a condition holds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        live.tick()
        if until():
            return
        time.sleep(1 / 120)
    raise AssertionError(f"the condition did not hold in time: {live.problem} {live.status.notes}")


def face_bytes(**values):
    """A Live Link Face packet."""
    protocol = innerface.server.protocols.live_link_face
    names = innerface.core.face.channels.LIVE_LINK_FACE
    return protocol.encode(
        protocol.Packet("A" * 36, "phone", 1, 0.0, 60, 1, np.array([values.get(n, 0.0) for n in names]))
    )


def test_connect_calibrate_record_and_bake(addon, live, scene):
    bpy, settings = addon, innerface.blender_addon.properties.preferences.preferences()
    key = bpy.context.active_object.data.shape_keys
    scene.innerface.slate = "my shot"
    assert bpy.ops.innerface.connect() == {"FINISHED"}
    play(live, lambda: live.status.calibrated)
    play(live, lambda: live.movement.started and live.preview.shown)
    play(live, lambda: max(b.value for b in key.key_blocks) > 0.1)
    assert "calibrated with 10 face sites" in " ".join(live.status.notes)
    settings.playback = False
    assert bpy.ops.innerface.record() == {"FINISHED"}
    with pytest.raises(RuntimeError, match="stop it first"):
        bpy.ops.innerface.record()
    play(live, lambda: live.status.recording is not None and live.status.recording.rows > 300)
    bpy.ops.innerface.stop()
    play(live, lambda: live.take_recording is None)
    assert live.problem == "" and scene.innerface.number == 2
    path = Path(settings.takes_folder) / "my shot_001.mcap"
    assert path.exists()
    innerface.blender_addon.live.take_list.refresh(str(path), wait=True)
    assert bpy.ops.innerface.take_bake() == {"FINISHED"}
    action = key.animation_data.action
    assert (
        action.name.startswith("my shot_001") and "innerface_preview" not in key
    )  # an undo step of it would hold no preview
    live.tick()
    assert bpy.ops.innerface.recentre() == {"FINISHED"} and bpy.ops.innerface.calibrate() == {"FINISHED"}
    play(live, lambda: live.status.calibrating)
    bpy.ops.innerface.calibrate_cancel()
    play(live, lambda: not live.status.calibrating)
    bpy.ops.innerface.disconnect()
    assert (
        not live.on
        and "innerface_preview" not in key
        and not [c for c in innerface.blender_addon.compat.all_fcurves(action) if c.mute]
    )
    live.thread = None


def test_electrodes_alone_show_a_face_are_checked_recorded_and_baked(addon, live, scene, electrodes_network):
    bpy, settings = addon, innerface.blender_addon.properties.preferences.preferences()
    key = bpy.context.active_object.data.shape_keys
    settings.sensors, settings.electrodes, settings.electrodes_network, settings.playback = (
        "NONE",
        "VIRTUAL",
        str(electrodes_network),
        False,
    )
    scene.innerface.slate = "electrodes"
    assert bpy.ops.innerface.connect() == {"FINISHED"}
    play(live, lambda: live.status.output == "electrodes" and len(live.status.electrodes.channels) == 2)
    play(live, lambda: max(b.value for b in key.key_blocks) > 0.05)
    assert bpy.ops.innerface.check() == {"FINISHED"}
    play(live, lambda: live.status.check.step == "Bite three times")
    bpy.ops.innerface.calibrate_cancel()
    play(live, lambda: not live.status.check.step)
    assert bpy.ops.innerface.record() == {"FINISHED"}
    play(live, lambda: live.status.recording is not None and live.status.recording.seconds > 6)
    bpy.ops.innerface.stop()
    play(live, lambda: live.take_recording is None)
    path = Path(settings.takes_folder) / "electrodes_001.mcap"
    innerface.blender_addon.live.take_list.refresh(str(path), wait=True)
    assert bpy.ops.innerface.take_bake() == {"FINISHED"}
    bpy.ops.innerface.disconnect()
    action = key.animation_data.action
    curves = innerface.blender_addon.compat.all_fcurves(action)
    assert action.name.startswith("electrodes_001") and max(len(c.keyframe_points) for c in curves) > 5


def test_without_an_electrode_model_electrodes_are_recorded_and_the_panel_says_why_no_face_is_shown(addon, live):
    settings, connection = (
        innerface.blender_addon.properties.preferences.preferences(),
        innerface.blender_addon.live.connection,
    )
    settings.sensors, settings.electrodes = "NONE", "CYTON"
    assert innerface.blender_addon.properties.preferences.electrode_network_file(settings) == ""
    assert not connection.no_source_selected(settings)
    settings.electrodes_port = "/dev/there-is-none"
    live.connect(addon.context)
    play(live, lambda: not live.on, 20)
    assert "/dev/there-is-none" in live.problem
    settings.electrodes = "NONE"
    assert connection.no_source_selected(settings)
    with pytest.raises(RuntimeError):
        addon.ops.innerface.connect()


def test_an_invalid_electrode_model_is_one_sentence_in_the_panel(addon, live, tmp_path):
    settings = innerface.blender_addon.properties.preferences.preferences()
    (tmp_path / "x.onnx").write_text("no network")
    settings.sensors, settings.electrodes, settings.electrodes_network = "NONE", "VIRTUAL", str(tmp_path / "x.onnx")
    live.connect(addon.context)
    play(live, lambda: not live.on, 20)
    assert "x.onnx" in live.problem and "\n" not in live.problem


def test_a_take_that_runs_when_blender_disconnects_is_kept_whole(addon, live, scene):
    settings = innerface.blender_addon.properties.preferences.preferences()
    settings.sensors, settings.playback = "VIRTUAL", False
    addon.ops.innerface.connect()
    play(live, lambda: live.status.streams)
    addon.ops.innerface.record()
    play(live, lambda: live.status.recording is not None and live.status.recording.rows > 50)
    live.disconnect(wait=True)
    (path,) = Path(settings.takes_folder).glob("*.mcap")
    assert innerface.core.formats.mcap_take.read_summary(path).complete


def test_the_face_of_a_phone_is_shown_and_its_neutral_can_be_set(addon, live, online):
    online(True)
    settings = innerface.blender_addon.properties.preferences.preferences()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        settings.livelink_port = probe.getsockname()[1]
    settings.sensors, settings.camera, settings.network = "NONE", "LIVELINKFACE", True
    settings.interface = (
        settings.bl_rna.properties["interface"].enum_items[0].identifier if not _interfaces() else _interfaces()[0]
    )
    live.connect(addon.context)
    play(live, lambda: live.thread.state != "starting")
    assert live.thread.state == "running", live.thread.problem
    key = addon.context.active_object.data.shape_keys
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        target = (settings.interface if settings.interface != "0.0.0.0" else "127.0.0.1", settings.livelink_port)

        def shows(value):
            out.sendto(face_bytes(jawOpen=0.5), target)
            return abs(key.key_blocks["jawOpen"].value - value) < 1e-3

        play(live, lambda: shows(0.5), 10)
        addon.ops.innerface.neutral()
        play(live, lambda: shows(0.0), 10)
    assert not _turned(addon)


def _interfaces():
    return [a for a, _, _ in innerface.blender_addon.properties.preferences._interface_items(None, None)]


def _turned(bpy):
    rig = next(o for o in bpy.context.scene.objects if o.type == "ARMATURE")
    return rig.pose.bones["head"].rotation_quaternion.angle > 1e-6


def test_a_port_in_use_is_one_sentence_in_the_panel(addon, live):
    settings = innerface.blender_addon.properties.preferences.preferences()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        settings.sensors, settings.camera, settings.vmc_port = "NONE", "VMC", other.getsockname()[1]
        addon.ops.innerface.connect()
        play(live, lambda: not live.on, 20)
    assert str(settings.vmc_port) in live.problem and "\n" not in live.problem


def test_phones_are_not_received_before_they_are_allowed_nor_while_blender_is_offline(addon, live, monkeypatch):
    settings, connection = (
        innerface.blender_addon.properties.preferences.preferences(),
        innerface.blender_addon.live.connection,
    )
    settings.camera = "LIVELINKFACE"
    assert not addon.ops.innerface.connect.poll() and connection.listen_host(settings) == "127.0.0.1"
    settings.network = True
    assert connection.listen_host(settings) != "127.0.0.1" or settings.interface == "127.0.0.1"
    problem = connection.network_problem(settings)
    assert ("Allow Online Access" in problem) == (not addon.app.online_access)
    settings.camera = "NONE"
    assert connection.listen_host(settings) == "127.0.0.1" and connection.network_problem(settings) == ""


def test_without_a_face_the_session_runs_and_the_panel_says_what_is_missing(addon):
    module = innerface.blender_addon.live.session
    innerface.blender_addon.properties.preferences.preferences().sensors = "VIRTUAL"
    addon.ops.innerface.connect()
    live = module.session
    play(live, lambda: live.status.streams)
    assert live.preview is None and "shape keys" in live.face_problem
    addon.ops.innerface.add_head()
    assert addon.ops.innerface.show_here() == {"FINISHED"} and live.preview is not None


def test_loading_another_file_drops_the_face_keeps_the_connection_and_shows_its_own_face(addon, live, tmp_path):
    addon.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"), copy=True)
    addon.ops.innerface.connect()
    play(live, lambda: live.status.streams)
    thread = live.thread
    addon.ops.wm.open_mainfile(filepath=str(tmp_path / "shot.blend"))
    assert live.thread is thread and live.preview is not None
    live.tick()
    addon.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    assert live.thread is thread and live.preview is None


def test_without_onnx_runtime_everything_but_the_network_works_with_one_sentence(addon, live, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    addon.ops.innerface.connect()
    play(live, lambda: live.status.calibrated)
    assert any("ONNX Runtime" in note and "linear model stands in" in note for note in live.status.notes)
    play(live, lambda: live.movement.started)


def test_no_timer_runs_while_nothing_is_connected(addon, live):
    module = innerface.blender_addon.live.session
    assert not addon.app.timers.is_registered(module._tick)
    addon.ops.innerface.connect()
    assert addon.app.timers.is_registered(module._tick)
    addon.ops.innerface.disconnect()
    assert not addon.app.timers.is_registered(module._tick)


def test_an_error_in_a_tick_ends_the_connection_and_is_reported(addon, live, monkeypatch, capsys):
    module = innerface.blender_addon.live.session
    addon.ops.innerface.connect()
    monkeypatch.setattr(live, "tick", lambda: 1 / 0)
    assert module._tick() is None
    assert not live.on and "ZeroDivisionError" in live.problem and "ZeroDivisionError" in capsys.readouterr().err


def test_commands_without_a_connection_say_what_to_do(addon, live):
    for name in ("calibrate", "recentre", "record", "neutral", "check", "show_here", "send"):
        assert not getattr(addon.ops.innerface, name).poll(), name
    core = innerface.core.errors
    with pytest.raises(core.InnerfaceError, match="press Connect first"):
        live.ask(lambda hub: None)
    settings = innerface.blender_addon.properties.preferences.preferences()
    settings.sensors = settings.camera = "NONE"
    assert not addon.ops.innerface.connect.poll()


def test_faces_are_sent_to_the_targets_that_are_ticked(addon, live):
    settings = innerface.blender_addon.properties.preferences.preferences()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(10)
        settings.send_livelink, settings.livelink_target = True, f"127.0.0.1:{receiver.getsockname()[1]}"
        addon.ops.innerface.connect()
        play(live, lambda: live.status.calibrated)
        play(live, lambda: live.movement.started)
        assert innerface.server.protocols.live_link_face.parse(receiver.recv(2048))
        settings.send_livelink = False
        addon.ops.innerface.send()
        play(live, lambda: not live.status.sinks)
    settings.send_livelink, settings.livelink_target = True, "nonsense:99999"
    addon.ops.innerface.send()
    play(live, lambda: live.refusal)
    assert "is not a port" in live.refusal


def test_levels_rise_with_what_moves_and_fall_again(addon, live):
    output = innerface.core.face.channels.OUTPUT_CHANNELS
    values = np.zeros(len(output))
    live.movement.update(values, 1)
    moved = values.copy()
    moved[output.index("jawOpen")] = 0.1
    live.movement.update(moved, 1)
    assert live.movement.levels["mouth"] == 1.0 and live.movement.levels["brow"] == 0.0
    for _ in range(30):
        live.movement.update(moved, 1)
    assert live.movement.levels["mouth"] < 0.1
