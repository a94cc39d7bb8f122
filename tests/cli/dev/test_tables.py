import numpy as np
import pytest
from innerface.cli.dev import tables
from innerface.cli.dev.tables import ablation, boards, models, personal
from innerface.core import formats
from innerface.core.face.face_model import load_bundled, load_ict
from innerface.core.imu import linear_model, network
from innerface.core.performance.generate import generate


@pytest.fixture(scope="module")
def face(data):
    return load_ict(data / "ict_facekit.npz")


@pytest.fixture(scope="module")
def made(data, face):
    takes = {
        name: formats.read_take(data / "arkit" / f"{name}.converted.csv").weights()
        for name in ("dao", "FaceCapture_2020-19-7-17-03-23")
    }
    return models.simulate_cases(takes, face, 1, progress=lambda _: None)


def cells(lines):
    return [[c.strip() for c in line.strip("|").split("|")] for line in lines if line.startswith("| ")]


def test_a_table_has_as_many_columns_in_its_rule_as_in_its_header():
    assert tables.markdown_table("a | b | c", ["1 | 2 | 3"]) == ["\n| a | b | c |", "|---|---|---|", "| 1 | 2 | 3 |"]


def test_scores_put_every_take_and_preset_beside_both_baselines(made, face):
    said = models.scores_section(
        "Linear", "About.", linear_model.load(), cases=made, trained_names={"dao"}, face=face, progress=lambda _: None
    )
    rows = cells(said.lines)
    assert (
        len(rows) == 6
        and all(len(r) == 11 for r in rows)
        and {r[0] for r in rows} == {"dao*", "FaceCapture_2020-19-7-17-03-23"}
    )
    for row in rows:
        figures = said.figures[f"{row[0].rstrip('*')} {row[1]}"]
        assert (
            float(row[2]) == pytest.approx(figures["pve_mm"], abs=0.006)
            and figures["neutral_mm"] > 0
            and figures["mean_face_mm"] > 0
        )
    assert set(said.figures["correlation"]) == set(linear_model.ARKIT) and said.figures["confidence"] == {}
    looked = models.overview_section({"Linear": said}, {"dao"})
    assert {r[2] for r in cells(looked.lines)} == {"Linear", "mean face", "neutral face"}


def test_observability_names_every_channel_once(made, face):
    said = models.scores_section(
        "Network", "About.", network.load(), cases=made, trained_names=set(), face=face, progress=lambda _: None
    )
    text = "\n".join(models.observability_lines(said)).replace(",", " ").split()
    assert [c for c in linear_model.ARKIT if text.count(c) != 1] == []


def test_the_adapter_table_measures_held_out_rows_only(face):
    rng = np.random.default_rng(3)
    take = generate(75.0, rng)
    said = personal.adapter_section({"made": take}, face, 1, progress=lambda _: None)
    figures = said.figures["made studio"]
    assert figures["adapted"]["mse"] != figures["cold"]["mse"] and figures["mounted again"]["pve_mm"] > 0
    late = personal._errors_after(
        take.time[0] + 60.0,
        models.simulate_cases({"made": take}, face, 1, progress=lambda _: None)[1].imu,
        None,
        model=models.evaluation_pair(),
        track=take,
        face=face,
    )
    assert late[0] == pytest.approx(figures["cold"]["pve_mm"])


def test_steps_and_training_are_measured_on_held_out_performers(made, face, monkeypatch):
    monkeypatch.setattr(ablation, "STEPS", (1, 2))
    trained = {"FaceCapture_2020-19-7-17-03-23"}
    said = ablation.steps_section(made, trained, face, progress=lambda _: None)
    assert len(said.figures) == 5 and all(np.isfinite(f["pve_mm"]) for f in said.figures.values())
    two = ablation.table_two_section(made, trained, face, progress=lambda _: None)
    assert set(two.figures) == {"full", "without simulation", "without fine-tuning"}
    rows = cells(two.lines)
    assert rows[0][5:] == ["0.67", "0.72", "0.31", "0.0057"] and all(len(r) == 9 for r in rows)


def test_electrodes_are_compared_with_static_faces(data, tmp_path, monkeypatch):
    import shutil

    from innerface.cli.dev.tables import electrodes
    from innerface.core.bio.network import SHIPPED
    from innerface.core.face.face_model import IdentityModel

    monkeypatch.setattr(electrodes, "TEST_S", 40.0)
    shutil.copy(SHIPPED, tmp_path / "studio-0.onnx")  # user 0's own network, so that nothing is trained here
    said = electrodes.electrode_section(
        IdentityModel(data / "ict_facekit.npz"), tmp_path, tmp_path, progress=lambda _: None, users=1
    )
    rows = cells(said.lines)
    assert len(rows) == 2 and all(len(r) == len(rows[0]) for r in rows)
    own = said.figures["user 0"]
    assert float(rows[0][1]) == pytest.approx(own["mae_mm"], abs=0.006) and own["ratio"] == pytest.approx(
        own["mae_mm"] / own["constant_mm"]
    )
    who = electrodes.simulate_user(0, IdentityModel(data / "ict_facekit.npz"))
    assert electrodes._crossed_error(who, electrodes.network.load()) < 0.9 * own["constant_mm"], (
        "from its own calm face to the user's"
    )
    assert (tmp_path / "landmarks-cdf.png").stat().st_size > 5000
    assert any("These users are simulated" in line for line in said.lines)


class BundledHead:
    def sample(self, rng):
        return load_bundled()


def test_every_method_is_measured_on_a_board_and_the_network_beats_a_face_that_never_moves(monkeypatch):
    monkeypatch.setattr(boards, "_SENSORS", ("bmi270",))
    monkeypatch.setattr(boards, "PAIRED_S", 8.0)
    track = generate(16.0, np.random.default_rng(4))
    shares = []
    section = boards.boards_section({"take": track}, BundledHead(), 1, progress=shares.append)
    found = section.figures["bmi270"]
    on_long_takes = {boards._LONG, boards._NO_NOD, boards._PUSHED, boards._ADAPTED}
    assert set(found) == {*boards._METHODS, *on_long_takes} and shares == [1.0]
    assert found[boards._LONG] == found["cold"]
    assert found["cold"]["pve_mm"] < 0.8 * found["neutral"]["pve_mm"]
    assert found["rest known"]["pve_mm"] < found["cold"]["pve_mm"]
    assert sum("BMI270" in line for line in section.lines) == len(found)


def test_the_chins_spectrum_lies_between_nothing_and_half_the_rate():
    section = boards.chin_section({"take": generate(12.0, np.random.default_rng(4))}, BundledHead())
    found = section.figures["take"]
    assert 0 < found["half_hz"] <= found["p90_hz"] <= found["p99_hz"] < boards._CHIN_HZ / 2 and found["p99_dps"] > 5
