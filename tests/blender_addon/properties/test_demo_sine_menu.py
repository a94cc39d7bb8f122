"""A source that is one file, offered by the add-on."""

import runpy
from pathlib import Path

import innerface.blender_addon
import innerface.blender_addon.live.connection
import innerface.blender_addon.properties.preferences
import innerface.blender_addon.properties.source_fields
import innerface.server.registry
import pytest

DEMO_SINE = Path(__file__).resolve().parents[2] / "server" / "sources" / "demo_sine.py"


@pytest.fixture
def demo_sine(addon):
    """The source of the tests, registered before the add-on."""
    registry, package = innerface.server.registry, innerface.blender_addon
    spec = runpy.run_path(str(DEMO_SINE))["SPEC"]
    package.unregister()
    registry.register_source(spec)
    package.register()
    yield spec
    package.unregister()
    registry.unregister_source(spec.kind)
    package.register()


def test_a_source_that_is_one_file_is_offered_with_its_fields(demo_sine):
    connection, fields = innerface.blender_addon.live.connection, innerface.blender_addon.properties.source_fields
    settings = innerface.blender_addon.properties.preferences.preferences()
    assert "DEMO_SINE" in {e.identifier for e in settings.bl_rna.properties["camera"].enum_items}
    settings.sensors, settings.camera, settings.demo_sine_rate = "NONE", "DEMO_SINE", 25.0
    (spec,) = fields.selected_sources(settings)
    assert spec is demo_sine and fields.field_names(spec) == ["demo_sine_rate"] and not connection.needs_lan(settings)
    (source,) = connection.source_factory(settings)()
    assert source.rate == 25.0 and source.describe() == "a jaw that opens and closes, 25 Hz"
