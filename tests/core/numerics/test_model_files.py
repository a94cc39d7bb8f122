"""Files of trained models."""

import sys

import numpy as np
import pytest
from innerface.core.errors import InnerfaceError
from innerface.core.imu import network
from innerface.core.numerics import model_files


def test_arrays_card_and_id_come_back(tmp_path):
    path = tmp_path / "m.npz"
    model_files.save_npz(path, kind="test 1", card={"data": "none"}, a=np.arange(3), names=np.array(["x", "y"]), b=0.5)
    model = model_files.load_npz(path, kind="test 1", remedy="train it again")
    assert model.floats("a").tolist() == [0.0, 1.0, 2.0] and model.integers("a") == (0, 1, 2)
    assert model.strings("names") == ("x", "y") and model.number("b") == 0.5 and model.card() == {"data": "none"}
    assert len(model.id) == 16 and model.id == model_files.load_npz(path, kind="test 1", remedy="").id


@pytest.mark.parametrize(
    ("name", "read"), [("none", "floats"), ("names", "floats"), ("a", "number"), ("b", "strings"), ("b", "integers")]
)
def test_an_array_that_is_missing_or_of_another_type_is_one_line(tmp_path, name, read):
    path = tmp_path / "m.npz"
    model_files.save_npz(path, kind="test 1", a=np.arange(3), names=np.array(["x", "y"]), b=0.5)
    model = model_files.load_npz(path, kind="test 1", remedy="train it again")
    with pytest.raises(InnerfaceError, match=rf"m\.npz: lacks a valid '{name}'.*train it again"):
        getattr(model, read)(name)


def test_pickled_arrays_are_never_loaded(tmp_path):
    path = tmp_path / "m.npz"
    np.savez(path, kind="test 1", a=np.array([object()], dtype=object))
    with pytest.raises(InnerfaceError, match=r"Python objects.*train it again"):
        model_files.load_npz(path, kind="test 1", remedy="train it again").floats("a")


def test_every_byte_that_is_changed_gives_the_model_or_one_line(tmp_path):
    path = tmp_path / "m.npz"
    model_files.save_npz(path, kind="test 1", a=np.arange(300.0))
    content = bytearray(path.read_bytes())
    rng = np.random.default_rng(0)
    for at in rng.integers(len(content), size=1000):
        spoiled = bytearray(content)
        spoiled[at] ^= int(rng.integers(1, 256))
        path.write_bytes(spoiled)
        try:
            model_files.load_npz(path, kind="test 1", remedy="train it again").floats("a")
        except InnerfaceError as error:
            assert "\n" not in str(error)


def test_a_missing_runtime_or_a_damaged_network_ends_in_what_to_do(tmp_path, monkeypatch):
    (tmp_path / "m.onnx").write_bytes(b"not a network")
    options = {"threads": 1, "without_runtime": "install it", "unreadable": "copy it again"}
    with pytest.raises(InnerfaceError, match=r"m\.onnx: ONNX Runtime cannot open it \(.*copy it again"):
        model_files.load_onnx(tmp_path / "m.onnx", **options)
    assert model_files.load_onnx(network.SHIPPED, **options).metadata["kind"] == network.KIND
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(InnerfaceError, match=r"ONNX Runtime does not load.*install it"):
        model_files.load_onnx(network.SHIPPED, **options)
