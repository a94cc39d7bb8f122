"""Where the package and the real data are, for every test."""

import importlib
import json
import os
import sys
from pathlib import Path

import numpy as np
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
def electrodes_network(load, tmp_path_factory):
    """A network for electrodes: the shipped one, of the simulated performer 0; in a checkout without it, a stand-in that opens the jaw the louder muscles
    are."""
    shipped = load("core.bio.network").SHIPPED
    return shipped if shipped.exists() else jaw_network(tmp_path_factory.mktemp("network") / "jaw.onnx")


def jaw_network(path, channels=("lower", "front"), top_hz=450.0):
    """Write a network that knows one thing: where muscles are loud, the jaw is open."""
    onnx = pytest.importorskip("onnx", reason="onnx is an extra (train) that is not installed, and the shipped network is not here")
    from innerface.core.bio import features, network
    from innerface.core.channels import ARKIT
    from innerface.core.face_model import bundled
    from innerface.core.landmarks.camera import point_model

    model, (emg, eog) = point_model(bundled()), features.sizes(len(channels), top_hz)
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
        [make.make_tensor_value_info("emg", floats, [None, emg, 120]), make.make_tensor_value_info("eog", floats, [None, eog, 120])],
        [make.make_tensor_value_info("points", floats, [None, 106])],
        [
            onnx.numpy_helper.from_array(np.zeros(1, np.float32), "nothing"),
            onnx.numpy_helper.from_array(np.array([1]), "axis"),
            onnx.numpy_helper.from_array(0.2 * jaw.astype(np.float32), "jaw"),
            onnx.numpy_helper.from_array(model.rest.reshape(1, 106).astype(np.float32), "rest"),
        ],
    )  # fmt: skip
    made = make.make_model(graph, opset_imports=[make.make_opsetid("", 17)], ir_version=9)
    about = {
        "kind": network.KIND, "channels": json.dumps(channels), "top_hz": str(top_hz), "mains_hz": "50", "frame_hz": "30", "interocular_mm": "63.9",
        "length": "120", "ahead": "12", "simulated": "yes", "rest": json.dumps(model.rest.tolist()), "explained": json.dumps([0.5] * 53),
        "follow_live": json.dumps([400.0] * 106), "follow": json.dumps([400.0] * 106),
    }  # fmt: skip
    make.set_model_props(made, about)
    path.write_bytes(made.SerializeToString())
    return path


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
