"""Menus and fields of sources, which come from what the sources say of themselves."""

import asyncio

import innerface.blender_addon
import innerface.blender_addon.live.connection
import innerface.blender_addon.properties.preferences
import innerface.blender_addon.properties.source_fields
import innerface.server.arguments
import innerface.server.registry
import innerface.server.specs
import pytest

SAVED = {  # identifiers and numbers as they are in users' preferences: they never change
    "sensors": {"NONE": 0, "VIRTUAL": 1, "DEVICE": 2, "SERIAL": 3, "SLIMEVR": 4, "TAKE": 5},
    "camera": {"NONE": 0, "LIVELINKFACE": 1, "IFACIALMOCAP": 2, "VMC": 3, "BRIDGE": 4},
    "electrodes": {"NONE": 0, "VIRTUAL": 1, "CYTON": 2, "BRAINFLOW": 3, "LSL": 4},
}
SAVED_DEFAULTS = {
    "electrodes_port": "",
    "electrodes_board": "",
    "electrodes_stream": "EMG",
    "electrodes_inputs": "",
    "device_port": 7645,
    "slimevr_port": 6969,
    "serial_port": "",
    "take": "",
    "livelink_port": 11111,
    "phone": "",
    "vmc_port": 39539,
    "bridge": "ws://127.0.0.1:7646",
    "bridge_token": "",
    "send_vmc": False,
    "vmc_target": "127.0.0.1:39539",
    "send_livelink": False,
    "livelink_target": "127.0.0.1:11111",
    "send_vts": False,
    "vts_target": "127.0.0.1:8001",
}


@pytest.fixture
def settings(addon):
    return innerface.blender_addon.properties.preferences.preferences()


def saved_numbers(settings, name):
    return {e.identifier: e.value for e in settings.bl_rna.properties[name].enum_items}


def test_preferences_of_older_versions_mean_what_they_meant(settings):
    fields = innerface.blender_addon.properties.source_fields
    for name, numbers in SAVED.items():
        assert saved_numbers(settings, name).items() <= numbers.items()
        group = innerface.server.specs.SourceGroup(name)
        specs = [s.menu for s in innerface.server.registry.sources().values() if s.group is group and s.menu]
        assert {m.identifier: m.number for m in specs} == {k: v for k, v in numbers.items() if k != "NONE"}
    for name, default in SAVED_DEFAULTS.items():
        assert settings.bl_rna.properties[name].default == default, name
    assert settings.bl_rna.properties["sensors"].default == "VIRTUAL" and fields.NO_SOURCE == "NONE"


def test_every_choice_becomes_its_source(settings, tmp_path):
    connection, fields = innerface.blender_addon.live.connection, innerface.blender_addon.properties.source_fields
    settings.electrodes_port = settings.serial_port = "/dev/ttyUSB9"
    settings.take, settings.bridge_token, settings.phone = str(tmp_path / "a.mcap"), "secret", " 127.0.0.1 "
    settings.electrodes_inputs, settings.device_port = "1+2", 9000
    made = {}
    for group in fields.MENUS:
        for identifier in saved_numbers(settings, group.value):
            settings.sensors = settings.camera = settings.electrodes = "NONE"
            setattr(settings, group.value, identifier)
            if identifier == "BRAINFLOW":
                settings.electrodes_board = "synthetic"
            if identifier != "NONE":
                (made[group.value, identifier],) = asyncio.run(_make(connection.source_factory(settings)))
    assert made["sensors", "DEVICE"].port == 9000 and made["sensors", "TAKE"].loop
    assert made["sensors", "SERIAL"].port == made["electrodes", "CYTON"].port == "/dev/ttyUSB9"
    assert made["electrodes", "CYTON"].inputs.numbers == (1, 2)
    assert made["camera", "IFACIALMOCAP"].phone == "127.0.0.1" and made["camera", "IFACIALMOCAP"].host == "127.0.0.1"
    assert (made["camera", "BRIDGE"].address, made["camera", "BRIDGE"].token) == ("ws://127.0.0.1:7646/", "secret")
    assert {s.name for s in made.values()} <= set(innerface.server.registry.sources())


async def _make(factory):
    return factory()
