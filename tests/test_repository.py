"""What the repository promises about itself."""

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
import build  # noqa: E402


def tracked():
    said = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if said.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / line for line in said.stdout.splitlines()]


def test_every_package_is_named_for_a_wheel():
    named = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    folders = {f.parent for f in tracked() if f.suffix in (".py", ".csv") and f.parent != ROOT}
    wanted = {
        "innerface." + ".".join(f.relative_to(ROOT).parts)
        for f in folders
        if f.relative_to(ROOT).parts[0] not in ("tests", "docs")
    }
    assert named == wanted | {"innerface"}


def test_versions_agree_everywhere():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert tomllib.loads((ROOT / "blender_manifest.toml").read_text())["version"] == version
    assert f'__version__ = "{version}"' in (ROOT / "__init__.py").read_text()


def test_every_folder_says_what_lives_there():
    for folder in {f.relative_to(ROOT).parts[0] for f in tracked() if len(f.relative_to(ROOT).parts) > 1}:
        if not folder.startswith("."):
            assert (ROOT / folder / "README.md").exists(), folder


def test_the_lock_pins_everything_exactly_and_names_no_host():
    for lock in (build.LOCK, build.TRAIN_LOCK):
        text = lock.read_text()
        for line in text.splitlines():
            if line and not line.startswith("#"):
                assert re.match(r"^[A-Za-z0-9_.-]+==[^ ]+( ; .+)?$", line), line
        assert "://" not in text
    assert (
        build.locked_requirement("bpy", "3.11") == "bpy==4.5.15"
        and build.locked_requirement("bpy", "3.13") == "bpy==5.2.3"
    )
    assert build.locked_requirement("scipy", "3.11").startswith(
        "scipy==1.15."
    )  # Blender 4.2's NumPy knows no later one
    with pytest.raises(build.BuildError, match="does not pin nothing"):
        build.locked_requirement("nothing", "3.11")


def test_torch_is_in_the_training_lock_alone_and_brings_no_cuda_by_name():
    assert "torch" not in build.LOCK.read_text() and "\ntorch==2.13.0\n" in build.TRAIN_LOCK.read_text()
    assert not re.search(r"^(nvidia|cuda|triton)", build.TRAIN_LOCK.read_text(), re.MULTILINE)
    shared = dict(x.split("==", 1) for x in build.LOCK.read_text().splitlines() if "==" in x and " ; " not in x)
    trained = dict(x.split("==", 1) for x in build.TRAIN_LOCK.read_text().splitlines() if "==" in x and " ; " not in x)
    assert {name: v for name, v in trained.items() if name in shared and shared[name] != v} == {}


def test_the_manifest_meets_what_the_extensions_platform_asks():
    manifest = tomllib.loads((ROOT / "blender_manifest.toml").read_text())
    assert len(manifest["tagline"]) <= 64 and not manifest["tagline"].endswith(".")
    assert "Blender" not in manifest["name"]
    assert manifest["blender_version_min"] == "4.2.0"


def packaged_names(tmp_path):
    build.lay_out_extension(tmp_path / "innerface", [], "linux-x64")
    return {
        p.relative_to(tmp_path / "innerface").as_posix() for p in (tmp_path / "innerface").rglob("*") if p.is_file()
    }


def test_the_zip_holds_what_users_need_and_nothing_else(tmp_path):
    names = packaged_names(tmp_path)
    assert {
        "__init__.py",
        "blender_manifest.toml",
        "LICENSE",
        "core/face/head/head.npz",
        "core/face/naming/schemes/arkit52.csv",
        "core/imu/layouts/default.json",
        "blender_addon/ui/live_panels.py",
        "server/web/page/index.html",
        "cli/infer.py",
        "models/linear.npz",
        "models/imu.onnx",
        "models/imu-live.onnx",
    } <= names
    folders = ("tests", "docs", "cli/dev", "models/training", "models/ablation", "server/device")
    assert not [n for n in names if n.startswith(folders) or "numpy" in n or n == "build.py"]
    suffixes = {".py", ".csv", ".json", ".npz", ".onnx", ".html", ".js", ".css", ".svg", ".toml", ""}
    assert {Path(n).suffix for n in names} <= suffixes


def test_commands_that_the_zip_leaves_out_say_so_in_one_line(tmp_path):
    packaged_names(tmp_path)
    for arguments in (["bench"], ["report", "--seeds", "1"], ["train", "imu", "--out", "M.onnx"]):
        result = subprocess.run(
            [sys.executable, "-m", "innerface", *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 2 and len(result.stderr.splitlines()) == 1, result.stderr
        assert f"{arguments[0]} comes with the Python package" in result.stderr


def test_no_numpy_in_a_built_zip():
    for archive in (ROOT / "dist").glob("*.zip"):
        with zipfile.ZipFile(archive) as z:
            assert not [n for n in z.namelist() if "numpy" in n.lower()]


def test_another_python_gets_one_clear_line(monkeypatch):
    monkeypatch.setattr(build.sys, "version_info", (3, 12, 1))
    with pytest.raises(build.BuildError, match=r"python3\.11.*python3\.13"):
        build.environment()


def test_missing_system_libraries_are_named_with_the_mend(tmp_path, monkeypatch):
    library = tmp_path / "lib" / "python3.11" / "site-packages" / "bpy" / "__init__.so"
    library.parent.mkdir(parents=True)
    library.touch()

    class Said:
        stdout = "\tlibXi.so.6 => not found\n\tlibSM.so.6 => not found\n\tlibc.so.6 => /lib/libc.so.6 (0x0)\n"

    monkeypatch.setattr(build.subprocess, "run", lambda *_, **__: Said)
    if build.sys.platform.startswith("linux"):
        with pytest.raises(build.BuildError, match=r"apt-get install.*libsm6 libxi6"):
            build.check_libraries(tmp_path)


def test_the_readme_claims_what_the_results_show():
    results = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    section = results.split("\n## The network\n")[1].split("\n## ")[0]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if "| studio |" in line
    ]
    ratios = [round(100 * float(row[5])) for row in rows if len(row) == 11 and not row[0].endswith("*")]
    assert len(ratios) == 3
    assert f"{min(ratios)} to {max(ratios)}% of the error" in (ROOT / "README.md").read_text(encoding="utf-8")
