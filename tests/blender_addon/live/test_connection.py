"""What Blender's Allow Online Access permits."""

import innerface.blender_addon.live.connection
import innerface.blender_addon.live.session
import innerface.blender_addon.properties.preferences
import pytest
from innerface.server import registry

OUTSIDE = "203.0.113.7"  # an address for examples: nothing is sent to it
_MENUS = [s for s in registry.sources().values() if s.menu is not None and not s.library]
_TOGGLES = [s for s in registry.sinks().values() if s.toggle is not None]


@pytest.fixture
def settings(addon):
    preferences = innerface.blender_addon.properties.preferences.preferences()
    preferences.sensors, preferences.camera, preferences.electrodes = "NONE", "NONE", "NONE"
    return preferences


@pytest.mark.parametrize("spec", _MENUS, ids=lambda s: s.kind)
def test_a_source_that_reaches_other_computers_is_refused_offline(settings, online, spec):
    connection = innerface.blender_addon.live.connection
    setattr(settings, spec.group.value, spec.menu.identifier)
    if spec.kind == "bridge":
        settings.bridge = f"ws://{OUTSIDE}:7646"
    online(False)
    reaches = spec.needs_lan or spec.kind == "bridge"
    assert ("Allow Online Access" in connection.network_problem(settings)) == reaches
    if spec.kind == "bridge":
        settings.bridge = "ws://127.0.0.1:7646"
        assert connection.network_problem(settings) == ""
    online(True)
    assert connection.network_problem(settings) == ""


@pytest.mark.parametrize("spec", _TOGGLES, ids=lambda s: s.kind)
def test_a_target_outside_this_computer_is_refused_offline(settings, online, spec, addon):
    connection = innerface.blender_addon.live.connection
    settings.sensors = "VIRTUAL"
    setattr(settings, spec.toggle.property, True)
    setattr(settings, spec.toggle.target_property, f"{OUTSIDE}:4000")
    online(False)
    assert OUTSIDE in connection.network_problem(settings) and not addon.ops.innerface.connect.poll()
    setattr(settings, spec.toggle.target_property, "127.0.0.1:4000")
    assert connection.network_problem(settings) == ""
    setattr(settings, spec.toggle.target_property, "127.0.0.1:no port")
    assert connection.network_problem(settings) == "", "what cannot be read is refused when the sink is made"
    setattr(settings, spec.toggle.target_property, f"{OUTSIDE}:4000")
    setattr(settings, spec.toggle.property, False)
    assert connection.network_problem(settings) == ""


def test_turning_online_access_off_ends_what_exchanges_data_with_others(settings, online, addon, monkeypatch):
    live = innerface.blender_addon.live.session.session
    settings.sensors, settings.send_vmc, settings.vmc_target = "VIRTUAL", True, f"{OUTSIDE}:4000"
    online(True)
    monkeypatch.setattr(innerface.blender_addon.live.connection, "sink_factory", lambda _settings: list)
    addon.ops.innerface.connect()
    assert live.on and live.tick() is not None
    online(False)
    assert live.tick() is None and not live.on and OUTSIDE in live.problem
