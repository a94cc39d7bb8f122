import json
from functools import partial

import pytest
from innerface.cli import main


def test_bench_keying_prints_its_sizes_and_both_sides_of_the_ratio(monkeypatch, capsys):
    from innerface.cli.dev.benches import keying

    monkeypatch.setattr(keying, "keying", partial(keying.keying, 60, 300))
    assert main(["bench", "keying", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert "60 and 300 frames x 52" in said["input"] and "8464" in said["input"]
    assert said["ratio"] == pytest.approx(said["keyframe_insert_s"] / said["bulk_short_s"])
    assert said["bulk_s"] > 0 and said["key_reduction_x"] > 1


def test_bench_imu_prints_sizes_ratios_and_both_baselines(monkeypatch, capsys):
    from innerface.cli.dev.benches import imu

    monkeypatch.setattr(imu, "imu", partial(imu.imu, 20.0))
    assert main(["bench", "imu", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert "20 s" in said["input"] and "11 sites" in said["input"]
    assert said["simulate_x_realtime"] > 1 and said["calibrate_infer_x_realtime"] > 1
    assert said["pve_mm"] < said["neutral_pve_mm"] and said["pve_mm"] < said["mean_face_pve_mm"]


def test_bench_infer_prints_sizes_speeds_and_every_baseline(monkeypatch, capsys):
    from innerface.cli.dev.benches import infer

    monkeypatch.setattr(infer, "infer", partial(infer.infer, 20.0, 300))
    assert main(["bench", "infer", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert {"offline_x_realtime", "live_p50_ms", "live_p99_ms", "lookahead_ms", "rss_mb"} <= set(said)
    assert "20 s" in said["input"] and "300 frames" in said["input"] and "imu.onnx" in said["files"]
    assert said["lookahead_ms"] < 34 and 0 < said["live_p50_ms"] <= said["live_p99_ms"] and said["rss_mb"] > 20
    baseline = min(said[f"{name}_pve_mm"] for name in ("neutral", "mean_face", "hold"))
    assert max(said["pve_mm"], said["live_pve_mm"]) < baseline and said["linear_pve_mm"] < baseline


def test_bench_hybrid_beats_every_baseline_and_prints_its_keys(capsys):
    assert main(["bench", "hybrid", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert {"mse_vs_plain", "mse_vs_camera", "f1", "clean_flagged", "x_realtime"} <= set(said)
    assert " s, " in said["input"] and ".csv" in said["files"]
    mse = said["mse_by_method"]
    baseline = min(mse[m] for m in ("camera", "hold", "mean face", "interpolated", "plain"))
    assert mse["sensors"] < 0.5 * baseline and mse["other take"] < 0.5 * baseline
    assert mse["no device"] < min(mse[m] for m in ("camera", "hold", "mean face", "interpolated"))
    assert said["outside_changed"] == 0.0 and said["f1"] > 0.9


def test_bench_electrodes_beats_every_baseline_and_prints_its_keys(monkeypatch, capsys):
    from innerface.cli.dev.benches import electrodes

    monkeypatch.setattr(electrodes, "SECONDS", 40.0)
    monkeypatch.setattr(electrodes, "LIVE_S", 5.0)
    assert main(["bench", "electrodes", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert {"input", "files", "offline_x_realtime", "live_p50_ms", "live_p99_ms", "lookahead_ms"} <= set(said)
    for baseline in ("mean_face_mm", "rest_face_mm", "hold_mm"):
        assert said["mae_mm"] < 0.8 * said[baseline] and said["live_mae_mm"] < 0.9 * said[baseline], baseline


def test_bench_flame_beats_every_baseline_and_prints_its_keys(monkeypatch, capsys):
    from innerface.cli.dev.benches import flame

    monkeypatch.setattr(flame, "FRAMES", 240)
    monkeypatch.setattr(flame, "LIVE", 60)
    monkeypatch.setattr(flame, "PLAIN", 2)
    assert main(["bench", "flame", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert {"input", "fit_ms", "fit_x_realtime"} <= set(said)
    assert said["residual_percent"] < 0.5 and said["residual_percent"] < 0.2 * min(
        said["neutral_percent"], said["mean_face_percent"]
    )


def test_bench_camera_tracks_rendered_performers_and_prints_its_keys(monkeypatch, capsys, face_model):
    from innerface.camera import face_model as the_model
    from innerface.cli.dev.benches import camera

    pytest.importorskip("bpy", reason="bpy is an extra (blender) that is not installed")
    monkeypatch.setattr(the_model, "default_path", lambda: face_model)
    monkeypatch.setattr(camera, "SECONDS", 0.5)
    monkeypatch.setattr(camera, "VIEWS", camera.VIEWS[:1])
    assert main(["bench", "camera", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    keys = {"track_fps", "live_p99_ms", "pve_vs_neutral", "blink_f1", "lips_closed_f1", "head_error_deg", "lost_frames"}
    assert keys <= set(said) and said["lost_frames"] == 0 and said["head_error_deg"] < 3.0
    assert "rendered" in said["input"] and "KiB" in said["files"]
