"""Panels draw in every state that there is, and say in words what is the matter. Drawing itself is looked at in a window (tests/gui)."""

from types import SimpleNamespace

import innerface.blender_addon.live.session
import innerface.blender_addon.properties.preferences
import innerface.blender_addon.properties.source_fields
import innerface.blender_addon.ui.drawing
import innerface.blender_addon.ui.face_panels
import innerface.blender_addon.ui.live_panels
import innerface.blender_addon.ui.sensor_map
import innerface.blender_addon.ui.viewport_overlay
import numpy as np
import pytest


class Layout:
    """Stands in for Blender's layout: remembers what was written and which buttons were put."""

    def __init__(self, said=None, buttons=None):
        object.__setattr__(self, "said", [] if said is None else said)
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
        return Layout(self.said, self.buttons)

    box = row = column = split = _inner

    def label(self, text="", icon="NONE", **_):
        self.said.append(text)

    def progress(self, text="", factor=0.0):
        assert 0 <= factor <= 1
        self.said.append(text)

    def operator(self, name, text="", icon="NONE", **_):
        self.buttons.append(name)
        self.said.append(text)
        return SimpleNamespace()

    def prop(self, data, name, **_):
        assert name in data.bl_rna.properties, name
        self.said.append(name)

    def template_icon(self, icon, scale=1.0):
        assert icon >= 0

    def template_list(self, *_, **__):
        pass


@pytest.fixture
def drawn(addon, monkeypatch):
    """`drawn("connect")`: what a panel says (one text) and its buttons."""
    panels, above = innerface.blender_addon.ui.live_panels, innerface.blender_addon.ui.face_panels
    monkeypatch.setattr(panels.face_map, "icon", lambda positions, states: 1)

    def draw(name):
        kind = getattr(panels, f"INNERFACE_PT_{name}", None) or getattr(above, f"INNERFACE_PT_{name}")
        panel = SimpleNamespace(layout=Layout())
        for extra in ("_choose", "_streams", "_sensors", "_electrodes", "_checking", "_heard", "_said"):
            if hasattr(kind, extra):
                setattr(panel, extra, getattr(kind, extra).__get__(panel))
        kind.draw(panel, addon.context)
        return " ".join(panel.layout.said), panel.layout.buttons

    return draw


STATUS = {
    "streams": [
        {
            "name": "",
            "device": "7a3f",
            "state": "poor",
            "received": 90,
            "lost": 10,
            "rate_hz": 99.6,
            "silent_s": 0.0,
            "battery_v": 3.71,
            "problem": "",
        },
        {
            "name": "phone",
            "device": "p",
            "state": "away",
            "received": 9,
            "lost": 0,
            "rate_hz": 0,
            "silent_s": 7.0,
            "battery_v": None,
            "problem": "hot",
        },
    ],
    "sources": [{"name": "device", "about": "waits for devices"}],
    "silent": [{"source": "livelinkface", "seconds": 8.0, "causes": ["the app is in another mode"]}],
    "sites": {
        "aux": {"state": "ok", "loss": 0.0},
        "frontalis_left": {"state": "poor", "loss": 0.2},
        "oculi_left": {"state": "none"},
    },
    "positions_mm": np.zeros((3, 3)).tolist(),
    "touching": "oculi_left",
    "sinks": [{"name": "vmc", "about": "to 127.0.0.1:39539 by VMC"}],
    "output": "sensors",
    "output_hz": 60.0,
    "delay_ms": 48.0,
    "notes": ["12:00:00 something happened"],
    "calibrated": True,
    "calibrating": False,
    "calibrating_s": 0.0,
    "quality": ["left buccinator is noisy: check the tape and the cable"],
    "check": {"step": "", "left_s": 0.0, "done": 1.0, "places": ["left oculi and right oculi look swapped"]},
    "recording": None,
}


@pytest.fixture
def connected(addon):
    """The live object with a bridge whose status the test writes."""
    live = innerface.blender_addon.live.session.session
    live.thread = SimpleNamespace(
        status=dict(STATUS), state="running", take=list, now=lambda: 0.0, stop=lambda *_: None
    )
    yield live
    live.thread = live.shoot = None
    live.problem = live.face_problem = live.paused = ""


def test_idle_says_how_to_begin(drawn, addon):
    assert "No face in this scene yet" in drawn("face")[0] and "innerface.add_head" in drawn("face")[1]
    addon.ops.innerface.add_head()
    assert "52 of 52 channels (ARKit, 100%)" in drawn("face")[0]
    assert drawn("connect")[1] == ["innerface.connect"] and "innerface.record" in drawn("record")[1]
    for name in ("performer", "calibrate", "takes", "bake_options", "stream", "record_options"):
        drawn(name)


def test_phones_are_asked_about_before_they_are_heard_and_the_address_is_shown_afterwards(drawn, addon):
    settings = innerface.blender_addon.properties.preferences.preferences()
    settings.camera = "LIVELINKFACE"
    said, buttons = drawn("connect")
    assert "innerface.allow_network" in buttons
    settings.network = True
    said, _ = drawn("connect")
    assert (f"{settings.interface}   port 11111" in said) or "Allow Online Access" in said


def test_connected_shows_lights_rates_losses_batteries_and_likely_causes(drawn, addon, connected):
    said, buttons = drawn("connect")
    told = (
        "100 Hz",
        "10.0% lost",
        "3.7 V",
        "silent for 7 s",
        "hot",
        "livelinkface for 8 s",
        "the app is in another mode",
        "48 ms late",
        "something happened",
    )
    for words in told:
        assert words in said, words
    assert buttons[0] == "innerface.disconnect"
    said, buttons = drawn("calibrate")
    assert (
        "left buccinator is noisy" in said
        and "look swapped" in said
        and {"innerface.calibrate", "innerface.check", "innerface.recentre"} <= set(buttons)
    )
    said, buttons = drawn("sites")
    assert buttons == ["innerface.touch"] * 3 and "Tap the sensor at oculi left" in said and "20%" in said
    assert "to 127.0.0.1:39539 by VMC" in drawn("stream")[0] and "Delay the audio by 48 ms" in drawn("stream")[0]


WORN = {
    "device": "virtual wearer (simulated)",
    "network": False,
    "live": False,
    "say": "give --electrodes M.onnx",
    "channels": [
        {"name": "lower", "state": "ok", "words": "", "rest_uv": 2.2, "mains_uv": 5.4},
        {
            "name": "front",
            "state": "away",
            "words": "it floats: the electrode is off the skin",
            "rest_uv": 90.0,
            "mains_uv": 300.0,
        },
    ],
}


def test_every_electrode_has_a_line_and_what_keeps_it_from_making_a_face_is_said_in_the_addons_words(drawn, connected):
    settings = innerface.blender_addon.properties.preferences.preferences()
    settings.sensors, settings.electrodes = "NONE", "VIRTUAL"
    connected.thread.status |= {"electrodes": WORN, "sites": {}, "calibrated": False}
    said, _ = drawn("connect")
    assert (
        "lower   2 uV at rest, 5 uV of hum" in said
        and "off the skin" in said
        and "choose the performer's network under Performer" in " ".join(said.split())
    )
    assert "--electrodes" not in said
    said, buttons = drawn("calibrate")
    assert buttons == ["innerface.check"] and "Check Electrodes" in said
    connected.thread.status |= {
        "check": {"step": "Bite three times", "left_s": 2.0, "done": 0.4, "places": None, "electrodes": None}
    }
    assert "Bite three times  2" in drawn("calibrate")[0]
    connected.thread.status |= {
        "check": {
            "step": "",
            "left_s": 0.0,
            "done": 1.0,
            "places": None,
            "electrodes": ["electrode front does not hear the bite"],
        }
    }
    assert "does not hear the bite" in drawn("calibrate")[0]
    connected.thread.status["check"]["electrodes"] = []
    assert "Every electrode hears what it should" in drawn("calibrate")[0]


def test_a_board_is_chosen_with_what_it_needs_and_libraries_that_are_missing_are_not_offered(drawn, addon, monkeypatch):
    settings = innerface.blender_addon.properties.preferences.preferences()
    fields = innerface.blender_addon.properties.source_fields
    settings.sensors, settings.electrodes = "NONE", "CYTON"
    assert "electrodes_port electrodes_inputs" in drawn("connect")[0] and "electrodes_network" in drawn("performer")[0]
    monkeypatch.setattr(fields, "find_spec", lambda name: None)
    assert [e[0] for e in fields.menu_items("electrodes")] == ["NONE", "VIRTUAL", "CYTON"]
    settings.electrodes = "NONE"
    assert "BrainFlow or LSL" in drawn("connect")[0]


def test_a_calibration_and_a_check_lead_the_performer(drawn, connected):
    connected.thread.status |= {"calibrated": False, "calibrating": True, "calibrating_s": 1.2}
    assert "Relax your face: 2" in drawn("calibrate")[0] and "innerface.calibrate_cancel" in drawn("calibrate")[1]
    connected.thread.status |= {"calibrating_s": 6.0}
    assert "Nod (chin down first)" in drawn("calibrate")[0]
    check = {"step": "Raise your brows and hold it", "left_s": 2.0, "done": 0.5, "places": None}
    connected.thread.status |= {"calibrating_s": 0.0, "calibrating": False, "check": check}
    assert "Raise your brows and hold it  2" in drawn("calibrate")[0]


def test_a_recording_shows_what_it_has_and_what_is_wrong_with_it(drawn, connected):
    connected.last = np.zeros(55)
    connected.shoot = SimpleNamespace(phase="recording", seconds=65.2, left=0.0, abandon=lambda: None)
    problem = "/x: cannot be written (No space left); free space"
    connected.thread.status |= {"recording": {"rows": 6500, "bytes": 2_500_000, "dropped": 3, "problem": problem}}
    said, buttons = drawn("record")
    assert (
        "Stop   1:05" in said
        and "6,500 samples, 2.5 MB, 3 samples lost" in said
        and "free space" in said
        and buttons == ["innerface.stop"]
    )
    connected.shoot = SimpleNamespace(phase="countdown", seconds=0.0, left=2.4, abandon=lambda: None)
    assert "Cancel   2" in drawn("record")[0]
    connected.shoot = None
    connected.thread.status |= {"calibrated": False, "recording": None}
    assert "Not calibrated" in " ".join(drawn("record")[0].split())


def test_problems_are_said_where_they_are_looked_for(drawn, addon, connected):
    connected.problem, connected.face_problem = "port 7645 is taken", "Head is gone from the scene"
    said, buttons = drawn("connect")
    assert "port 7645 is taken" in said and "Head is gone from the scene" in said and "innerface.show_here" in buttons
    connected.face_problem, connected.paused = "", "saving: the preview pauses"
    assert "saving: the preview pauses" in drawn("connect")[0]


def test_sentences_are_broken_where_the_sidebar_ends():
    wrapped = innerface.blender_addon.ui.drawing.wrap_text
    lines = wrapped("left buccinator is noisy: check the tape and the cable", 20)
    assert (
        all(len(line) <= 20 for line in lines)
        and " ".join(lines) == "left buccinator is noisy: check the tape and the cable"
        and wrapped("") == []
    )


def test_the_hud_reads_what_the_performer_does_next(connected):
    lines = innerface.blender_addon.ui.viewport_overlay.overlay_lines
    connected.shoot = SimpleNamespace(phase="countdown", left=2.2, seconds=0.0, abandon=lambda: None)
    assert lines()[0][0] == "3"
    connected.shoot = SimpleNamespace(phase="recording", left=0.0, seconds=5.0, abandon=lambda: None)
    assert "REC  0:05" in lines()[0][0]
    connected.shoot = None
    assert lines() == []


def test_the_map_lights_each_site_where_it_sits_with_the_performers_left_on_the_right():
    face_map = innerface.blender_addon.ui.sensor_map
    places = np.array([[40.0, 20.0, 0.0], [-40.0, -30.0, 0.0]])
    image = face_map.render_map(places, ["ok", "away"])
    scale = face_map._HEIGHT_MM / face_map.SIZE
    for place, state in zip(places, ("ok", "away")):
        column, row = (
            round(place[0] / scale + face_map.SIZE / 2),
            round((place[1] - face_map._TOP_MM + face_map._HEIGHT_MM) / scale),
        )
        assert np.abs(image[row, column, :3] - face_map.COLOURS[state]).max() < 0.02 and image[
            row, column, 3
        ] == pytest.approx(1.0)
    assert image[0, 0, 3] == 0
