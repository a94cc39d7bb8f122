"""A windowed Blender with the packaged add-on, its tab open, a head in view."""

import os
from pathlib import Path

import pytest

from .blender_window import BlenderWindow


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.gui)


@pytest.fixture(scope="session")
def blender(tmp_path_factory):
    launcher, archive = os.environ.get("INNERFACE_WINDOWED"), os.environ.get("INNERFACE_ZIP")
    if not launcher or not archive:
        pytest.skip("no windowed Blender here: python3 build.py test --gui --blender LAUNCHER")
    with BlenderWindow(launcher, {}, tmp_path_factory.mktemp("window"), size=(1100, 900)) as window:
        window.install(archive)
        window.ready()
        yield window
