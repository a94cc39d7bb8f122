import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from innerface.cli import main
from innerface.core import formats

from .conftest import outputs, told

VECTORS = Path(__file__).parent.parent / "core" / "formats" / "vectors"


def test_recordings_of_laboratories_become_a_biosignal_csv(tmp_path, capsys):
    for name, rows in {"small.edf": 500, "small.bdf": 500, "minimal.xdf": 9, "brainflow_synthetic.csv": 300}.items():
        out = tmp_path / f"{name}.bio.csv"
        assert main(["convert", str(VECTORS / name), str(out), "--json"]) == 0
        said = json.loads(capsys.readouterr().out)
        assert (said["kind"], said["rows"]) == ("biosignal", rows)
        a, b = formats.read_take(VECTORS / name).tracks["biosignal"], formats.read_take(out).tracks["biosignal"]
        assert (a.time == b.time).all() and np.array_equal(a.values, b.values) and a.columns == b.columns


def test_a_take_of_another_kind_is_an_error_in_one_line_without_output(song, tmp_path, capsys):
    assert "weights but no biosignals" in told(capsys, "convert", song, tmp_path / "t.bio.csv")
    assert "weights but no landmarks" in told(capsys, "convert", song, tmp_path / "t.landmarks.csv")
    assert "biosignal, events but no blendshape weights" in told(
        capsys, "convert", VECTORS / "small.edf", tmp_path / "t.csv"
    )
    assert outputs(tmp_path) == ["song.csv"]


def test_formats_load_no_library_before_it_is_needed():
    code = (
        "import sys, innerface.core.formats as f; "
        "print([m for m in ('scipy', 'pyxdf', 'edfio', 'mcap', 'onnxruntime') if m in sys.modules])"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )
