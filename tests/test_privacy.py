"""Nothing leaves the computer, and no other program's files are left in the home folder."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_ISOLATED = Path(__file__).with_name("isolated_network.py")
_NAMESPACE = ("unshare", "--net", "--mount", "--map-root-user")
_TRANSMISSION = r"""
import asyncio, json, sys
from websockets.asyncio.client import connect

async def receive(url, count):
    async with connect(url, proxy=None) as bridge:
        await bridge.send(json.dumps({"id": 1, "command": "subscribe", "streams": ["face"]}))
        while count:
            count -= isinstance(await bridge.recv(), bytes)

asyncio.run(receive(sys.argv[1].replace("http", "ws"), 300))
"""
_INFERENCE = """
from innerface.cli import main
from innerface.core import formats, performance

formats.write_take(performance.demo_performance(1), "song.csv")
assert main(["simulate", "imu", "song.csv", "--face", "bundled", "--out", "sensors.imu.csv"]) == 0
assert main(["infer", "sensors.imu.csv", "--out", "faces.csv"]) == 0
"""
_UNTIL_A_TRACE = """
import pathlib, time
while not pathlib.Path("packets").read_text() and not any(
    f.is_file() and "innerface" not in str(f).lower() for f in pathlib.Path("home").rglob("*")
):
    time.sleep(0.1)
"""
_LIBRARIES = (
    *("numpy", "scipy.signal", "scipy.optimize", "onnxruntime", "websockets.asyncio.client", "serial.tools.list_ports"),
    *("mcap.reader", "lz4.frame", "zstandard", "pythonosc.udp_client", "platformdirs", "tqdm", "edfio", "pyxdf"),
    *(
        "brainflow.board_shim",
        "pylsl",
        "mediapipe.tasks.python.vision",
        "av",
        "matplotlib.pyplot",
        "torch",
        "onnx",
        "bpy",
    ),
)


@pytest.fixture
def isolated(tmp_path):
    """`isolated(command)`: starts a command with a fresh home, where each packet to another computer is listed."""
    allowed = shutil.which("unshare") and subprocess.run([*_NAMESPACE, "true"], check=False).returncode == 0
    if not allowed:
        pytest.skip("PRIVACY IS NOT TESTED: this system does not allow network namespaces (unshare)")
    home = tmp_path / "home"
    home.mkdir()
    # Only these: a library's telemetry is off by itself where it sees a variable of a CI service, such as CI=true.
    kept = ("PATH", "LANG", "TMPDIR", "LD_LIBRARY_PATH", "PYTHONPATH", "VIRTUAL_ENV")
    environment = {k: os.environ[k] for k in kept if k in os.environ}
    environment |= {"HOME": str(home), "MPLCONFIGDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"}

    def start(*command, telemetry=None):
        wrapped = [*_NAMESPACE, sys.executable, str(_ISOLATED), str(tmp_path / "packets"), *command]
        more = {} if telemetry is None else {"ORT_DISABLE_TELEMETRY": telemetry}
        return subprocess.Popen(wrapped, stdout=subprocess.PIPE, text=True, env=environment | more, cwd=tmp_path)

    return start


def _traces(folder):
    """Packets to other computers, and files in the home folder that are not Innerface's."""
    packets = (folder / "packets").read_text().splitlines()
    files = [str(f.relative_to(folder / "home")) for f in (folder / "home").rglob("*") if f.is_file()]
    return packets + [f for f in files if "innerface" not in f.lower().split("/")]


def _serve_for_300_faces(start, **how):
    script = f"""
import re, signal, subprocess, sys
bridge = subprocess.Popen([sys.executable, "-m", "innerface", "serve", "--source", "virtual", "--port", "0"],
                          stdout=subprocess.PIPE, text=True)
url = next(m[0] for line in bridge.stdout if (m := re.search(r"http://\\S+", line)))
code = subprocess.run([sys.executable, "-c", {_TRANSMISSION!r}, url]).returncode
bridge.send_signal(signal.SIGINT)
sys.exit(code or bridge.wait())
"""
    process = start(sys.executable, "-c", script, **how)
    assert process.wait(120) == 0


def test_the_bridge_contacts_no_other_computer_and_leaves_no_files(isolated, tmp_path):
    _serve_for_300_faces(isolated)
    assert _traces(tmp_path) == []


def test_an_inference_contacts_no_other_computer_and_leaves_no_files(isolated, tmp_path):
    assert isolated(sys.executable, "-c", _INFERENCE).wait(120) == 0
    assert (tmp_path / "faces.csv").exists() and _traces(tmp_path) == []


def test_tracking_a_video_contacts_no_other_computer_and_leaves_no_files(isolated, tmp_path, data, face_model):
    command = ["track", str(data / "video" / "d3.mp4"), "--face-model", str(face_model), "--out", "face.mcap"]
    script = f"from innerface.cli import main\nassert main({command!r}) == 0"
    assert isolated(sys.executable, "-c", script).wait(300) == 0
    assert (tmp_path / "face.mcap").exists() and _traces(tmp_path) == []


def test_importing_the_libraries_contacts_no_other_computer_and_leaves_no_files(isolated, tmp_path):
    names = [n for n in _LIBRARIES if importlib.util.find_spec(n.partition(".")[0])]
    script = f"import innerface\nfor name in {names}: __import__(name)"
    assert isolated(sys.executable, "-c", script).wait(120) == 0 and _traces(tmp_path) == []


def test_this_test_sees_telemetry_where_it_is_on(isolated, tmp_path):
    # The library reports from a thread of its own, in its own time.
    assert isolated(sys.executable, "-c", _INFERENCE + _UNTIL_A_TRACE, telemetry="0").wait(300) == 0
    assert _traces(tmp_path)


@pytest.mark.parametrize(("chosen", "used"), [(None, "1"), ("", "1"), ("0", "0")])
def test_telemetry_is_off_unless_the_user_turns_it_on(chosen, used):
    environment = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"}
    environment |= {} if chosen is None else {"ORT_DISABLE_TELEMETRY": chosen}
    script = "import innerface, os; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    printed = subprocess.run(
        [sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    assert printed.stdout.strip() == used
