"""Blender for the add-on's tests: the bpy wheel, or the real Blender that runs them."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import innerface.blender_addon.animation.keying
import innerface.blender_addon.animation.playback
import innerface.blender_addon.character.bundled_head
import innerface.blender_addon.character.face
import innerface.blender_addon.live.session
import innerface.blender_addon.properties.preferences
import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.blender)


@pytest.fixture
def scene():
    """An empty scene, 24 fps from frame 0."""
    import bpy

    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = 24, 1.0
    scene.frame_start, scene.frame_end = 0, 250
    return scene


@pytest.fixture
def head(scene):
    """The bundled head in the scene, as a face."""
    innerface.blender_addon.character.bundled_head.add(scene.collection)
    return innerface.blender_addon.character.face.find_face(list(scene.objects))


@pytest.fixture
def addon(scene, tmp_path):
    """`bpy`, with the add-on registered and its takes in a temporary folder; nothing is connected afterwards."""
    import bpy

    installed = bool(os.environ.get("INNERFACE_ZIP"))
    if not installed:  # what enabling an add-on does
        if "innerface" not in bpy.context.preferences.addons:
            bpy.context.preferences.addons.new().module = "innerface"
        package = __import__("innerface")
        package.register()
    settings = innerface.blender_addon.properties.preferences.preferences()
    for name in settings.bl_rna.properties.keys():  # noqa: SIM118
        if name not in ("rna_type", "bl_idname"):
            settings.property_unset(name)
    settings.takes_folder, settings.countdown, settings.preroll = str(tmp_path / "takes"), 0.0, 0.0
    yield bpy
    live = innerface.blender_addon.live.session.session
    live.disconnect(wait=True)
    live.problem = ""
    if not installed:
        package.unregister()


@pytest.fixture
def online(addon):
    """`online(False)`: Allow Online Access is off."""
    system = addon.context.preferences.system
    before = system.use_online_access

    def switch(allowed):
        system.use_online_access = allowed
        assert addon.app.online_access == allowed

    yield switch
    system.use_online_access = before


@pytest.fixture
def three():
    """`three(path)`: what three's loaders in Node find in an exported file."""
    modules, node = (
        os.environ.get("INNERFACE_NODE_MODULES", ""),
        os.environ.get("INNERFACE_NODE") or shutil.which("node"),
    )
    if node is None or not modules:
        pytest.skip("Node with npm's three is not here; 'python3 build.py test' installs it where npm is")

    def read(path):
        command = [node, str(ROOT / "tests" / "readers" / "read.mjs"), str(path)]
        said = subprocess.run(command, capture_output=True, text=True, check=False)
        assert said.returncode == 0, said.stderr[-2000:]
        return json.loads(said.stdout)

    return read


@pytest.fixture
def second():
    """`second(path, times)`: what another strict reader finds in an exported file."""
    python = os.environ.get("INNERFACE_PYTHON", sys.executable)
    if subprocess.run([python, "-c", "import ufbx"], capture_output=True, check=False).returncode:
        pytest.skip("ufbx is not here: the second reader of FBX runs beside the bpy wheel ('python3 build.py test')")

    def read(path, times=()):
        said = subprocess.run(
            [python, str(ROOT / "tests" / "readers" / "read_second.py"), str(path), *map(str, times)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert said.returncode == 0, said.stderr[-2000:]
        return json.loads(said.stdout)

    return read


def make_mesh(scene, name, keys, parent=None):
    """A small mesh with the given shape keys."""
    import bpy

    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata([(0, 0, 0), (1, 0, 0), (1, 0, 1), (0, 0, 1)], [], [(0, 1, 2, 3)])
    obj = bpy.data.objects.new(name, mesh)
    scene.collection.objects.link(obj)
    if keys:
        obj.shape_key_add(name="Basis")
        for key in keys:
            obj.shape_key_add(name=key).data[0].co.z = 0.1
    if parent is not None:
        obj.parent = parent
    return obj


def key_and_play(face, track, name, scene, **options):
    """Key a track and put it on the face, as the command and the operator do."""
    keying = innerface.blender_addon.animation.keying
    keyed = keying.key_track(face, track, name, scene=scene, **options)
    keyed.notes += innerface.blender_addon.animation.playback.play(face, keyed)
    return keyed
