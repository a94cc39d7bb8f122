"""Panels draw in every state, and say in words what is wrong. tests/gui looks at the window itself."""

from dataclasses import replace
from types import SimpleNamespace

import innerface.blender_addon.live.session
import innerface.blender_addon.properties.preferences
import innerface.blender_addon.properties.source_fields
import innerface.blender_addon.ui.animation_panels
import innerface.blender_addon.ui.calibrate_panels
import innerface.blender_addon.ui.connect_panel
import innerface.blender_addon.ui.drawing
import innerface.blender_addon.ui.face_panel
import innerface.blender_addon.ui.mapping_panel
import innerface.blender_addon.ui.performer_panel
import innerface.blender_addon.ui.record_panels
import innerface.blender_addon.ui.sensor_map
import innerface.blender_addon.ui.stream_panel
import innerface.blender_addon.ui.takes_panels
import innerface.blender_addon.ui.viewport_overlay
import numpy as np
import pytest
from innerface.server.status import (
    BoardStatus,
    CheckStatus,
    ComponentStatus,
    ElectrodeStatus,
    HubStatus,
    RecordingStatus,
    SilenceStatus,
    SiteStatus,
    StreamStatus,
    WaitingStatus,
)

from ..conftest import make_mesh


class Layout:
    """Stands in for Blender's layout, and collects texts and buttons."""

    def __init__(self, texts=None, buttons=None):
        object.__setattr__(self, "texts", [] if texts is None else texts)
        object.__setattr__(self, "buttons", [] if buttons is None else buttons)

    def __setattr__(self, name, value):
        assert name in {
            "scale_x",
            "scale_y",
            "use_property_split",
            "use_property_decorate",
            "active",
            "enabled",
            "alert",
            "alignment",
        }, name

    def _inner(self, *_, **__):
        return Layout(self.texts, self.buttons)

    box = row = column = split = _inner

    def label(self, text="", icon="NONE", **_):
        self.texts.append(text)

    def progress(self, text="", factor=0.0):
        assert 0 <= factor <= 1
        self.texts.append(text)

    def operator(self, name, text="", icon="NONE", **_):
        self.buttons.append(name)
        self.texts.append(text)
        return SimpleNamespace()

    def prop(self, data, name, **_):
        assert name in data.bl_rna.properties, name
        self.texts.append(name)

    def template_icon(self, icon, scale=1.0):
        assert icon >= 0

    def template_list(self, *_, **__):
        pass


@pytest.fixture
def draw(addon, monkeypatch):
    """`draw("connect")`: the texts of a panel (as one) and its buttons."""
    ui = innerface.blender_addon.ui
    monkeypatch.setattr(ui.calibrate_panels.sensor_map, "icon", lambda positions, states: 1)
    modules = (
        *(ui.face_panel, ui.mapping_panel, ui.performer_panel, ui.connect_panel, ui.calibrate_panels),
        *(ui.record_panels, ui.takes_panels, ui.stream_panel),
    )

    def draw_panel(name):
        panel_class = next(getattr(m, f"INNERFACE_PT_{name}") for m in modules if hasattr(m, f"INNERFACE_PT_{name}"))
        panel = SimpleNamespace(layout=Layout())
        panel_class.draw(panel, addon.context)
        return " ".join(panel.layout.texts), panel.layout.buttons

    return draw_panel


STATUS = HubStatus(
    streams=[
        StreamStatus("device", "7a3f", "", "imu", "poor", rate_hz=99.6, received=90, lost=10, battery_v=3.71),
        StreamStatus("livelinkface", "p", "phone", "face", "away", received=9, silent_s=7.0, problem="hot"),
    ],
    sources=[ComponentStatus("device", "waits for devices", "ok", "")],
    silent=[SilenceStatus("livelinkface", 8.0, ["the app is in another mode"])],
    sites={
        "aux": SiteStatus("ok", 0.0, "7a3f/0"),
        "frontalis_left": SiteStatus("poor", 0.2, "7a3f/1"),
        "oculi_left": SiteStatus("none"),
    },
    positions_mm=np.zeros((3, 3)).tolist(),
    touching="oculi_left",
    sinks=[ComponentStatus("vmc", "to 127.0.0.1:39539 by VMC", "ok", "")],
    output="sensors",
    output_hz=60.0,
    delay_ms=48.0,
    notes=["12:00:00 something happened"],
    calibrated=True,
    sensor_notes=["left buccinator is noisy: check the tape and the cable"],
    check=CheckStatus(progress=1.0, placement_notes=["left oculi and right oculi look swapped"]),
)


def change(live, **changes):
    """What the server says next."""
    live.thread.status = replace(live.thread.status, **changes)


@pytest.fixture
def connected(addon):
    """The session with a server whose status the test writes."""
    live = innerface.blender_addon.live.session.session
    live.thread = SimpleNamespace(
        status=STATUS, state="running", pop_frames=list, now=lambda: 0.0, stop=lambda *_: None
    )
    yield live
    live.thread = live.take_recording = None
    live.problem = live.face_problem = live.paused = ""


def test_a_face_says_how_its_names_were_matched_and_what_was_left(draw, addon, scene):
    make_mesh(scene, "Face", ("A", "A.001", "Blink", "Joy", "Ears_Flap"))
    assert "Few-shape mapping: jaw, blinks, smile" in draw("face")[0]
    text = draw("names")[0]
    assert "5 of 52 channels" in text and "Blink eyeBlinkLeft +1 few shapes (VRM 0 presets)" in text
    assert "Left out for a better name: A.001" in text and "Without a channel: Ears_Flap" in text
    addon.ops.innerface.add_head()
    assert "jawOpen jawOpen exact" in draw("names")[0]


def test_an_idle_tab_says_how_to_begin(draw, addon):
    assert "No face in this scene yet" in draw("face")[0] and "innerface.add_head" in draw("face")[1]
    addon.ops.innerface.add_head()
    assert "52 of 52 channels (ARKit, 100%)" in draw("face")[0]
    assert draw("connect")[1] == ["innerface.connect"] and "innerface.record" in draw("record")[1]
    for name in ("performer", "calibrate", "takes", "bake_options", "stream", "record_options"):
        draw(name)


def test_network_devices_need_permission_and_their_address_is_shown_afterwards(draw, addon):
    settings = innerface.blender_addon.properties.preferences.preferences()
    settings.camera = "LIVELINKFACE"
    texts, buttons = draw("connect")
    assert "innerface.allow_network" in buttons
    settings.network = True
    texts, _ = draw("connect")
    assert (f"{settings.interface}   port 11111" in texts) or "Allow Online Access" in texts


def test_a_connection_shows_states_rates_losses_batteries_and_likely_causes(draw, addon, connected):
    texts, buttons = draw("connect")
    expected = (
        "100 Hz",
        "10.0% lost",
        "3.7 V",
        "no data for 7 s",
        "hot",
        "livelinkface for 8 s",
        "the app is in another mode",
        "48 ms delay",
        "something happened",
    )
    for text in expected:
        assert text in texts, text
    assert buttons[0] == "innerface.disconnect"
    texts, buttons = draw("calibrate")
    assert (
        "left buccinator is noisy" in texts
        and "look swapped" in texts
        and {"innerface.calibrate", "innerface.check", "innerface.recentre"} <= set(buttons)
    )
    texts, buttons = draw("sites")
    assert buttons == ["innerface.touch"] * 3 and "Tap the sensor at oculi left" in texts and "20%" in texts
    assert "to 127.0.0.1:39539 by VMC" in draw("stream")[0] and "Delay the audio by 48 ms" in draw("stream")[0]


ELECTRODES = BoardStatus(
    "virtual performer (simulated)",
    network=False,
    live=False,
    message="give --electrodes M.onnx",
    channels=[
        ElectrodeStatus("lower", "ok", "", 2.2, 5.4),
        ElectrodeStatus("front", "away", "it floats: the electrode is off the skin", 90.0, 300.0),
    ],
)


def test_every_electrode_has_a_line_and_the_panel_says_why_it_drives_no_face(draw, connected):
    settings = innerface.blender_addon.properties.preferences.preferences()
    settings.sensors, settings.electrodes = "NONE", "VIRTUAL"
    change(connected, electrodes=ELECTRODES, sites={}, calibrated=False)
    texts, _ = draw("connect")
    assert (
        "lower   2 µV at rest, 5 µV hum" in texts
        and "off the skin" in texts
        and "choose the performer's Electrode Model under Performer" in " ".join(texts.split())
    )
    assert "--electrodes" not in texts
    texts, buttons = draw("calibrate")
    assert buttons == ["innerface.check"] and "Check Electrodes" in texts
    change(connected, check=CheckStatus("Bite three times", 2.0, 0.4))
    assert "Bite three times  2" in draw("calibrate")[0]
    change(connected, check=CheckStatus(electrode_notes=["electrode front does not hear the bite"]))
    assert "does not hear the bite" in draw("calibrate")[0]
    change(connected, check=CheckStatus(electrode_notes=[]))
    assert "Every electrode has the expected signal" in draw("calibrate")[0]


def test_a_board_shows_its_fields_and_boards_without_their_library_are_not_offered(draw, addon, monkeypatch):
    settings = innerface.blender_addon.properties.preferences.preferences()
    fields = innerface.blender_addon.properties.source_fields
    settings.sensors, settings.electrodes = "NONE", "CYTON"
    assert "electrodes_port electrodes_inputs" in draw("connect")[0] and "electrodes_network" in draw("performer")[0]
    monkeypatch.setattr(fields, "find_spec", lambda name: None)
    assert [e[0] for e in fields.menu_items("electrodes")] == ["NONE", "VIRTUAL", "CYTON"]
    settings.electrodes = "NONE"
    assert "BrainFlow or LSL" in draw("connect")[0]


def test_a_calibration_and_a_check_instruct_the_performer(draw, connected):
    change(connected, calibrated=False, calibrating=True, calibrating_s=1.2)
    assert "Relax your face: 2" in draw("calibrate")[0] and "innerface.calibrate_cancel" in draw("calibrate")[1]
    change(connected, calibrating_s=6.0)
    assert "Nod (chin down first)" in draw("calibrate")[0]
    check = CheckStatus("Raise your brows and hold it", 2.0, 0.5)
    change(connected, calibrating_s=0.0, calibrating=False, check=check)
    assert "Raise your brows and hold it  2" in draw("calibrate")[0]


def test_a_recording_shows_its_size_and_its_problem(draw, connected):
    connected.movement.update(np.zeros(55), 1)
    connected.take_recording = SimpleNamespace(phase="recording", seconds=65.2, seconds_left=0.0, abandon=lambda: None)
    problem = "/x: cannot be written (No space left); free space"
    recording = RecordingStatus("/x", 65.2, rows=6500, bytes=2_500_000, dropped=3, problem=problem, marks=0)
    change(connected, recording=recording)
    texts, buttons = draw("record")
    assert (
        "Stop   1:05" in texts
        and "6,500 samples, 2.5 MB, 3 samples lost" in texts
        and "free space" in texts
        and buttons == ["innerface.stop"]
    )
    connected.take_recording = SimpleNamespace(phase="countdown", seconds=0.0, seconds_left=2.4, abandon=lambda: None)
    assert "Cancel   2" in draw("record")[0]
    connected.take_recording = None
    change(connected, calibrated=False, recording=None)
    assert "sensors are not calibrated" in " ".join(draw("record")[0].split())


def test_what_is_not_shown_is_told_with_its_reason(draw, connected):
    late = replace(STATUS.streams[0], dropped={"late": 1200, "starting": 8})
    change(connected, streams=[late], dropped={"out_of_room": 7})
    texts = draw("connect")[0]
    assert "Not shown: 1,200 late" in texts and "Left out: 7 out of room" in texts and "starting" not in texts


def test_a_device_that_was_never_here_waits_beside_a_button(draw, connected):
    assert "innerface.allow_device" not in draw("connect")[1]
    change(connected, waiting=[WaitingStatus("livelinkface", "phone", "192.168.1.7:5000", 60)])
    texts, buttons = draw("connect")
    assert "phone at 192.168.1.7:5000 was never here before" in " ".join(texts.split())
    assert "innerface.allow_device" in buttons


def test_a_target_that_faces_do_not_reach_is_named_and_can_be_tried_again(draw, connected):
    assert "innerface.retry" not in draw("stream")[1] and "vmc" not in draw("connect")[0]
    denied = ComponentStatus("vts", "ws://127.0.0.1:8001, 0 faces", "failed", "permission was denied", can_retry=True)
    change(connected, sinks=[*STATUS.sinks, denied])
    texts, buttons = draw("stream")
    assert "permission was denied" in texts and "innerface.retry" in buttons
    assert "vts: permission was denied" in draw("connect")[0], "Stream Out may be closed"


def test_problems_are_shown_in_the_panel(draw, addon, connected):
    connected.problem, connected.face_problem = "port 7645 is taken", "Head is gone from the scene"
    texts, buttons = draw("connect")
    assert "port 7645 is taken" in texts and "Head is gone from the scene" in texts and "innerface.show_here" in buttons
    connected.face_problem, connected.paused = "", "The preview pauses while the file is saved"
    assert "The preview pauses while the file is saved" in draw("connect")[0]


def test_sentences_are_wrapped_at_the_width_of_the_sidebar():
    wrapped = innerface.blender_addon.ui.drawing.wrap_text
    lines = wrapped("left buccinator is noisy: check the tape and the cable", 20)
    assert (
        all(len(line) <= 20 for line in lines)
        and " ".join(lines) == "left buccinator is noisy: check the tape and the cable"
        and wrapped("") == []
    )


def test_the_overlay_shows_countdown_and_recording_time(connected):
    lines = innerface.blender_addon.ui.viewport_overlay.overlay_lines
    connected.take_recording = SimpleNamespace(phase="countdown", seconds_left=2.2, seconds=0.0, abandon=lambda: None)
    assert lines()[0].text == "3"
    connected.take_recording = SimpleNamespace(phase="recording", seconds_left=0.0, seconds=5.0, abandon=lambda: None)
    assert "REC  0:05" in lines()[0].text
    connected.take_recording = None
    assert lines() == []


def test_the_map_shows_each_site_with_the_performers_left_on_the_right():
    sensor_map = innerface.blender_addon.ui.sensor_map
    places = np.array([[40.0, 20.0, 0.0], [-40.0, -30.0, 0.0]])
    image = sensor_map.render_map(places, ["ok", "away"])
    scale = sensor_map._HEIGHT_MM / sensor_map.SIZE
    for place, state in zip(places, ("ok", "away")):
        column, row = (
            round(place[0] / scale + sensor_map.SIZE / 2),
            round((place[1] - sensor_map._TOP_MM + sensor_map._HEIGHT_MM) / scale),
        )
        assert np.abs(image[row, column, :3] - sensor_map.COLOURS[state]).max() < 0.02 and image[
            row, column, 3
        ] == pytest.approx(1.0)
    assert image[0, 0, 3] == 0
