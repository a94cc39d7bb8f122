"""What the repository promises about itself."""

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from innerface import build
from innerface.cli.dev.build import extension, licenses, requirements, system_libraries
from innerface.cli.dev.build.wheels import BUNDLED_WHEELS
from innerface.core.errors import InnerfaceError

ROOT = Path(__file__).resolve().parent.parent


def tracked():
    result = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if result.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / line for line in result.stdout.splitlines()]


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
    for path in ("__init__.py", "core/version.py"):
        assert f'__version__ = "{version}"' in (ROOT / path).read_text()


def test_every_folder_says_what_lives_there():
    for folder in {f.relative_to(ROOT).parts[0] for f in tracked() if len(f.relative_to(ROOT).parts) > 1}:
        if not folder.startswith("."):
            assert (ROOT / folder / "README.md").exists(), folder


def test_the_locks_pin_everything_by_version_and_hash_and_name_no_host():
    for lock in (requirements.LOCK, requirements.TRAIN_LOCK, requirements.UV_LOCK):
        entries = requirements.entries(lock)
        assert entries
        for entry in entries:
            assert re.match(r"^[A-Za-z0-9_.-]+==[^ ]+( ; [^\n]+)?( \\\n    --hash=sha256:[0-9a-f]{64})+\n$", entry), (
                entry
            )
        assert "://" not in lock.read_text()
    assert requirements.locked_entry("bpy", "3.11").startswith("bpy==4.5.15 ")
    assert requirements.locked_entry("bpy", "3.13").startswith("bpy==5.2.3 ")
    assert requirements.locked_entry("scipy", "3.11").startswith("scipy==1.15.")  # no later one runs in Blender 4.2
    with pytest.raises(InnerfaceError, match="does not pin nothing"):
        requirements.locked_entry("nothing", "3.11")


def test_torch_is_pinned_for_training_alone_and_brings_no_cuda_by_name():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert [name for name, listed in extras.items() if "torch==2.13.0" in listed] == ["train"]
    locked, trained = (
        {(r.name, str(r.marker)): str(r.specifier) for r in map(requirements.requirement, requirements.entries(lock))}
        for lock in (requirements.LOCK, requirements.TRAIN_LOCK)
    )
    assert not [name for name, _ in {**locked, **trained} if name.startswith(("torch", "nvidia", "cuda", "triton"))]
    assert {name: v for name, v in trained.items() if name in locked and locked[name] != v} == {}


def test_the_manifest_meets_what_the_extensions_platform_asks():
    manifest = tomllib.loads((ROOT / "blender_manifest.toml").read_text())
    assert len(manifest["tagline"]) <= 64 and not manifest["tagline"].endswith(".")
    assert "Blender" not in manifest["name"]
    assert manifest["blender_version_min"] == "4.2.0"
    for line in manifest["copyright"]:
        assert re.match(r"^\d{4}(-\d{4})? \S", line), line
    named = set(re.findall(r"\(([a-z0-9-]+)\)", " ".join(manifest["copyright"])))
    assert named == set(BUNDLED_WHEELS) - {"python-osc"}  # which is in the public domain


def packaged_names(folder):
    extension.copy_files(folder)
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def test_the_zip_holds_what_users_need_and_nothing_else(tmp_path):
    names = packaged_names(tmp_path / "innerface")
    assert {
        "__init__.py",
        "LICENSE",
        "core/face/head/head.npz",
        "core/face/naming/schemes/arkit52.csv",
        "core/imu/layouts/default.json",
        "blender_addon/ui/face_panel.py",
        "server/web/page/index.html",
        "cli/infer.py",
        "models/linear.npz",
        "models/imu.onnx",
        "models/imu-live.onnx",
    } <= names
    folders = ("tests", "docs", "cli/dev", "models/training", "models/ablation", "models/evaluation", "server/device")
    assert not [n for n in names if n.startswith(folders) or "numpy" in n or n == "build.py"]
    suffixes = {".py", ".csv", ".json", ".npz", ".onnx", ".html", ".js", ".css", ".svg"}
    assert {Path(n).suffix for n in names - {"LICENSE"}} == suffixes


def test_the_packaged_manifest_lists_its_wheels_and_keeps_the_rest(tmp_path):
    extension.write_manifest(tmp_path, [Path("a-1-py3-none-any.whl"), Path("b-2-py3-none-any.whl")], "linux-x64")
    packaged = tomllib.loads((tmp_path / "blender_manifest.toml").read_text())
    assert packaged.pop("wheels") == ["./wheels/a-1-py3-none-any.whl", "./wheels/b-2-py3-none-any.whl"]
    assert packaged.pop("platforms") == ["linux-x64"]
    assert packaged == tomllib.loads((ROOT / "blender_manifest.toml").read_text())


def test_licences_of_bundled_wheels_are_collected_once_per_version(tmp_path):
    wheels = []
    for tag in ("cp311", "cp313"):
        wheels.append(tmp_path / f"lz4-1.0-{tag}-any.whl")
        with zipfile.ZipFile(wheels[-1], "w") as archive:
            archive.writestr("lz4-1.0.dist-info/METADATA", "Name: lz4\nLicense-Expression: BSD-3-Clause\n")
            archive.writestr("lz4-1.0.dist-info/licenses/LICENSE", "Copyright Somebody")
    wheels.append(tmp_path / "mcap-2.0-py3-none-any.whl")
    with zipfile.ZipFile(wheels[-1], "w") as archive:
        archive.writestr("mcap-2.0.dist-info/METADATA", "Classifier: License :: OSI Approved :: MIT License\n")
    text = licenses.third_party_licenses(wheels)
    assert text.count("Copyright Somebody") == 1 and "Licence: BSD-3-Clause" in text
    assert "Licence: MIT License" in text and "Foxglove" in text


def test_commands_that_the_zip_leaves_out_say_so_in_one_line(tmp_path):
    extension.copy_files(tmp_path / "innerface")
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


def test_uv_is_told_what_pip_knows_and_variables_of_the_environment_count(monkeypatch):
    class Listing:
        stdout = (
            ":env:.find-links='/wheels /more'\n:env:.timeout='9'\nglobal.cert='/ca.crt'\n"
            "global.extra-index-url='\\nfile:///a\\nfile:///b'\nglobal.find-links='/other'\nglobal.index-url='https://c'\n"
        )

    calls = []
    monkeypatch.setattr(build.subprocess, "run", lambda *_, **__: Listing)
    monkeypatch.setattr(build, "run", lambda *command, env, quiet: calls.append((command, env)))
    build.install_with_uv(Path("python"), "-r", "requirements.lock")
    (command, env), *_ = calls
    assert command[-2:] == ("-r", "requirements.lock")
    assert env == {
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_DEFAULT_INDEX": "https://c",
        "UV_INDEX": "file:///a file:///b",
        "UV_FIND_LINKS": "/wheels,/more",
        "SSL_CERT_FILE": "/ca.crt",
    }


def test_missing_system_libraries_are_named_with_the_line_that_installs_them(tmp_path, monkeypatch):
    library = tmp_path / "bpy" / "__init__.so"
    library.parent.mkdir()
    library.touch()

    class Result:
        stdout = "\tlibXi.so.6 => not found\n\tlibSM.so.6 => not found\n\tlibc.so.6 => /lib/libc.so.6 (0x0)\n"

    monkeypatch.setattr(system_libraries.shutil, "which", lambda name: name)
    monkeypatch.setattr(system_libraries.subprocess, "run", lambda *_, **__: Result)
    monkeypatch.setattr(system_libraries.sysconfig, "get_path", lambda _: str(tmp_path))
    monkeypatch.setattr(system_libraries.sys, "prefix", str(tmp_path))
    monkeypatch.setattr(system_libraries.sys, "platform", "linux")
    with pytest.raises(InnerfaceError, match=r"apt-get install.*libsm6 libxi6"):
        system_libraries.main([])


def test_the_readme_claims_what_the_results_show():
    results = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    section = results.split("\n## The network\n")[1].split("\n## ")[0]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if "| studio |" in line
    ]
    ratios = [round(100 * float(row[5])) for row in rows if len(row) == 11 and not row[0].endswith("*")]
    assert len(ratios) == 3
    assert f"{min(ratios)} to {max(ratios)}% of the error" in (ROOT / "README.md").read_text(encoding="utf-8")
