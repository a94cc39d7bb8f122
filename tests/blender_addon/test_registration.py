"""Registering and unregistering the add-on."""

import os


def test_registering_twice_in_a_row_leaves_nothing_behind(addon):
    if os.environ.get("INNERFACE_ZIP"):
        name = "bl_ext.user_default.innerface"
        addon.ops.preferences.addon_disable(module=name)
        assert not hasattr(addon.types, "INNERFACE_PT_face")
        addon.ops.preferences.addon_enable(module=name)
    else:
        package = __import__("innerface")
        package.unregister()
        assert not hasattr(addon.types, "INNERFACE_PT_face") and not hasattr(addon.types.Scene, "innerface")
        package.register()
    assert hasattr(addon.types, "INNERFACE_PT_face")
