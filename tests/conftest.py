"""Where the package and the real data are, for every test."""

import importlib
import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def pytest_configure(config):
    """Inside a real Blender the tests use the extension as a user has it: installed from the packaged zip."""
    archive = os.environ.get("INNERFACE_ZIP")
    if archive and "bpy" in sys.modules:
        import bpy

        if not hasattr(bpy.types, "INNERFACE_PT_face"):
            bpy.ops.extensions.package_install_files(filepath=archive, repo="user_default", enable_on_install=True)
        config.innerface_package = "bl_ext.user_default.innerface"
    else:
        config.innerface_package = "innerface"


@pytest.fixture(scope="session")
def load(pytestconfig):
    """`load("core.take")`: a module of Innerface, from the source tree or from the installed extension."""
    return lambda name: importlib.import_module(f"{pytestconfig.innerface_package}.{name}")


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real takes; its absence where it should be present is a failure, not a skip."""
    folder = Path(os.environ.get("INNERFACE_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        if (ROOT.parent / "shared").is_dir():
            pytest.fail(f"{folder} is missing although {ROOT.parent / 'shared'} exists")
        pytest.skip(f"real takes are not here: {folder} (set INNERFACE_DATA)")
    return folder


def pytest_sessionfinish(session, exitstatus):
    session.config.innerface_status = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config):
    """Blender's library can hang while the process tears itself down (seen with 4.5.15): leave without that."""
    if "bpy" in sys.modules and not os.environ.get("INNERFACE_ZIP"):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(getattr(config, "innerface_status", 1))
