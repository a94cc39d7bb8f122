"""Training of networks: `build.py test --train` (torch)."""

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch: python3 build.py test --train")

from innerface.core.errors import InnerfaceError  # noqa: E402
from innerface.core.face.channels import ARKIT, mirrored  # noqa: E402
from innerface.core.imu import network  # noqa: E402
from innerface.core.imu.layout import load_layout  # noqa: E402
from innerface.models.training import export, imu, linear  # noqa: E402
from innerface.models.training.budget import Budget  # noqa: E402
from innerface.models.training.example_supply import ExampleSource, SampleStore, SampleSupply, TrainingSample  # noqa: E402
from innerface.models.training.network import WINDOW, NetworkShape, StreamNetwork, build, predict_windows  # noqa: E402

pytestmark = pytest.mark.train
SHAPES = {
    "stream": NetworkShape(width=24, depth=6, ahead=12),
    "live": NetworkShape(width=24, depth=6),
    "diffusion": NetworkShape(width=24, depth=6, ahead=12, diffusion=True),
    "paper": NetworkShape("transformer", 24, 2, 0, True),
    "told": NetworkShape(width=24, depth=6, ahead=12, rest=True),
    "told diffusion": NetworkShape(width=24, depth=6, diffusion=True, rest=True),
    "told paper": NetworkShape("transformer", 24, 2, 0, True, True),
}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Small enough to train in a test."""
    monkeypatch.setitem(imu.SIZES, "tiny", (16, 4, 5))
    monkeypatch.setitem(imu._STORE_CAPACITY, "tiny", 4)
    monkeypatch.setattr(imu, "_FRESH", 2)


def noise(rows, columns, seed):
    return np.random.default_rng(seed).normal(0, 1, (rows, columns)).astype(np.float32)


def columns(values):
    return torch.from_numpy(np.ascontiguousarray(values.T[None].astype(np.float32)))


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("level", [1.0, 0.4])
def test_onnx_answers_as_torch_does(tmp_path, name, level):
    torch.manual_seed(3)
    shape = SHAPES[name]
    net = build(shape)
    export.write(
        net, tmp_path / "m.onnx", load_layout(), spread=np.ones(len(ARKIT)), explained=np.ones(len(ARKIT)), card={}
    )
    found = network.load(tmp_path / "m.onnx")
    assert (
        found.ahead == shape.ahead
        and found.diffusion == shape.diffusion
        and bool(found.window) == (shape.kind == "transformer")
    )
    motion, noisy = noise(WINDOW, network.INPUT_COUNT, 0), noise(WINDOW, 52, 1)
    extra = (columns(noisy), torch.tensor([level], dtype=torch.float32)) if shape.diffusion else None
    with torch.no_grad():
        rests = [None, np.linspace(0, 0.5, 52)] if shape.rest else [None]
        want = [
            predict_windows(
                net, columns(motion), extra, rest=None if r is None else torch.tensor([[*r, 1.0]], dtype=torch.float32)
            )
            for r in rests
        ]
    assert found.uses_rest == shape.rest
    for r, torch_output in zip(rests, want):
        got = (
            found._infer_windows(motion, noisy, level, rest=r)
            if found.window
            else found.push(motion, found.start(), rest=r, noisy=noisy, noise_level=level)[:2]
        )
        assert max(np.abs(a[0].numpy().T - b).max() for a, b in zip(torch_output, got)) < 1e-4
    if shape.rest:
        assert (want[1][0] - want[0][0]).abs().mean() > 0.1


def test_a_stream_in_torch_goes_on_where_a_chunk_ended():
    torch.manual_seed(0)
    net = build(SHAPES["live"]).eval()
    motion = columns(noise(90, network.INPUT_COUNT, 0))
    with torch.no_grad():
        whole = net(motion, net.initial_state(1))
        first = net(motion[:, :, :37], net.initial_state(1))
        second = net(motion[:, :, 37:], first[2])
    assert torch.allclose(torch.cat([first[0], second[0]], 2), whole[0], atol=1e-5) and torch.allclose(
        second[2], whole[2], atol=1e-5
    )


def test_a_network_read_back_is_the_one_that_was_written(tmp_path):
    net = build(SHAPES["stream"])
    export.write(
        net, tmp_path / "m.onnx", load_layout(), spread=np.ones(len(ARKIT)), explained=np.ones(len(ARKIT)), card={}
    )
    back = export.read(tmp_path / "m.onnx")
    assert back.shape == net.shape and all(
        torch.equal(a, b) for a, b in zip(net.state_dict().values(), back.state_dict().values())
    )


@pytest.mark.parametrize("name", ["paper", "none"])
def test_what_cannot_be_trained_further_is_one_line(tmp_path, name):
    path = tmp_path / "m.onnx"
    if name == "paper":
        export.write(
            build(SHAPES["paper"]),
            path,
            load_layout(),
            spread=np.ones(len(ARKIT)),
            explained=np.ones(len(ARKIT)),
            card={},
        )
    with pytest.raises(InnerfaceError, match="can be trained further"):
        export.read(path)


def counted(rows, offset=0.0):
    """A take whose every number is its frame's."""
    count = np.arange(rows, dtype=np.float32) + offset
    return TrainingSample(
        np.tile(count[:, None], (1, network.INPUT_COUNT)), np.tile(count[:, None], (1, 52)), np.arange(rows) >= 100
    )


@pytest.mark.parametrize("ahead", [0, 40])
def test_a_window_holds_the_truth_of_the_frames_that_the_network_answers_for(ahead):
    batch = SampleStore([counted(500)]).batch(30, 200, ahead, rng=np.random.default_rng(0))
    values, weights, use = batch.inputs, batch.weights, batch.mask
    assert values.shape == (30, network.INPUT_COUNT, 200) and weights.shape == (30, 52, 200) and use.shape == (30, 200)
    shown = values.max(axis=1)  # sites may be lost
    good = (use > 0) & (shown > 0)
    assert good.any() and (weights[:, 0][good] == shown[good] - ahead).all()
    assert not use[:, :ahead].any() and (weights[:, 0][good] >= 100).all()


def test_windows_lose_sites_so_that_the_network_learns_to_do_without():
    values = SampleStore([counted(500, 1.0)]).batch(200, 100, 0, rng=np.random.default_rng(0)).inputs
    lost = (values.reshape(200, network.SITE_COUNT, network.INPUTS_PER_SITE, 100) == 0).all(axis=(2, 3)).sum(1)
    assert 0.15 < (lost > 0).mean() < 0.45 and lost.max() <= 3


def test_takes_shorter_than_a_window_are_padded_and_do_not_count_there():
    use = SampleStore([counted(150)]).batch(4, 400, 0, rng=np.random.default_rng(0)).mask
    assert use[:, 100:150].all() and not use[:, 150:].any()


def test_a_batch_holds_windows_of_many_performances():
    takes = [counted(500, 1000.0 * k) for k in range(40)]
    weights = SampleStore(takes).batch(16, 100, 0, rng=np.random.default_rng(0)).weights
    assert len(set((weights[:, 0].max(axis=1) // 1000).tolist())) >= 8


def test_half_of_the_windows_are_told_the_relaxed_face_without_gaze_and_lids_of_that_moment():
    take = replace(counted(500), rest=np.full(52, 0.4))
    take = replace(take, weights=np.full_like(take.weights, 0.9))
    rest = SampleStore([take]).batch(400, 100, 0, rng=np.random.default_rng(0)).rest
    told = rest[:, -1] == 1
    assert 0.4 < told.mean() < 0.6 and not rest[~told].any()
    looks = [k for k, c in enumerate(ARKIT) if c.startswith(("eyeLook", "eyeBlink"))]
    assert np.allclose(rest[told][:, looks], 0.9, atol=0.1)
    assert np.allclose(np.delete(rest[told], [*looks, 52], axis=1), 0.4, atol=0.1)
    unknown = SampleStore([counted(500)]).batch(40, 100, 0, rng=np.random.default_rng(0)).rest
    assert not unknown.any()


def test_only_networks_to_ship_learn_from_the_test_takes():
    assert not set(ExampleSource(None, None, 1).take_names) & set(linear.HELD_OUT)
    assert set(linear.HELD_OUT) < set(ExampleSource(None, None, 1, held_out=True).take_names)


@pytest.fixture(scope="module")
def source():
    return ExampleSource(None, None, 5)


def test_workers_make_different_takes_and_renew_them(source):
    with SampleSupply(source, capacity=3, windows_per_take=4.0, workers=2) as supply:
        supply.fill(3)
        takes = list(supply.store.takes)
        assert len({t.weights.tobytes() for t in takes}) == 3 and all(t.inputs.dtype == np.float16 for t in takes)
        for _ in range(400):
            supply.batch(4, 50, 0, rng=np.random.default_rng(0))
            if supply.store.takes[0] is not takes[0]:
                break
            time.sleep(0.05)
        assert supply.store.takes[0] is not takes[0] and len(supply.store.takes) == 3


def test_workers_end_when_their_training_is_killed(source):
    code = (
        "import os, time\n"
        "from innerface.models.training.example_supply import ExampleSource, SampleSupply\n"
        "if __name__ == '__main__':\n"
        "    with SampleSupply(ExampleSource(None, None, 5), capacity=2, windows_per_take=4.0, workers=1) as supply:\n"
        "        supply.fill(1)\n"
        "        print(*supply.pool._processes, flush=True)\n"
        "        time.sleep(60)\n"
    )
    with tempfile.NamedTemporaryFile("w", suffix=".py") as script:
        script.write(code)
        script.flush()
        run = subprocess.Popen([sys.executable, script.name], stdout=subprocess.PIPE, text=True)
        worker = int(run.stdout.readline())
        os.kill(worker, 0)
        run.kill()
        run.wait()
        for _ in range(100):
            try:
                os.kill(worker, 0)
            except ProcessLookupError:
                return
            time.sleep(0.1)
    pytest.fail("the worker lives on")


def test_the_loss_sees_millimetres_on_the_mesh_and_only_frames_that_count():
    from innerface.core.face.face_model import load_bundled
    from innerface.core.face.metrics import vertex_errors_mm

    face = load_bundled()
    mesh = imu.VertexDistance(face, torch.device("cpu"))
    difference = np.zeros((5, 52))
    difference[:, ARKIT.index("jawOpen")] = 0.5
    assert float(mesh(columns(difference))[0, 0]) == pytest.approx(vertex_errors_mm(face, difference)[0][0], rel=0.25)
    truth, use = torch.zeros(1, 52, 5), torch.tensor([[1.0, 1, 1, 0, 0]])
    wrong = columns(difference)
    wrong[:, :, 3:] = 9.0
    total, millimetres, square = imu.losses(mesh, wrong, wrong.abs(), truth=truth, mask=use)
    assert (
        square == pytest.approx(0.25 / 52)
        and millimetres == pytest.approx(float(mesh(columns(difference))[0, 0]), rel=1e-4)
        and total > 0
    )


@pytest.mark.parametrize("name", SHAPES)
def test_explained_is_the_share_of_variance_and_nothing_for_what_stands_still(name):
    net = build(SHAPES[name])
    with torch.no_grad():
        for layer in (net.last,):
            layer.weight.zero_()
            layer.bias.zero_()
            layer.bias[0] = 0.5  # always says 0.5 and 0
    rng = np.random.default_rng(0)
    truth = np.zeros((600, 52), np.float16)
    truth[:, 0] = 0.5 + 0.2 * np.sign(rng.normal(size=600))
    truth[:, 1] = 0.3
    take = TrainingSample(np.zeros((600, network.INPUT_COUNT), np.float16), truth, np.arange(600) >= 60)
    share = imu.explained_variance(net, SampleStore([take]))
    assert abs(share[0]) < 0.05 and share[1] == 0 and share[2] == 0
    assert (share == share[[ARKIT.index(mirrored(c)) for c in ARKIT]]).all()


def plan(source, steps, kind="stream"):
    return imu.TrainingPlan("tiny", False, Budget(steps=steps), 1, source, kind)


def test_training_learns_resumes_and_leaves_a_model_that_works(tmp_path, source, monkeypatch):
    out = tmp_path / "m.onnx"
    monkeypatch.setattr(imu, "_SAVE_S", 0.0)
    monkeypatch.setattr(imu, "_CURVE_STEPS", 10)

    class StopError(Exception):
        pass

    def stop(share):
        if share > 0.5:
            raise StopError

    with pytest.raises(StopError):
        imu.train(plan(source, 240), out, progress=stop)
    assert not out.exists() and (tmp_path / "m.onnx.training" / "checkpoint.pt").exists()
    with pytest.raises(InnerfaceError, match="another plan"):
        imu.train(plan(ExampleSource(None, None, 6), 240), out)
    begun: list[float] = []
    card = imu.train(plan(source, 240), out, progress=begun.append)
    assert begun[0] > 0.2  # goes on where it was
    assert network.load(out).ahead == 15 and network.load(out).uses_rest and "alex" not in card["data"]
    assert not (tmp_path / "m.onnx.training").exists()
    curve = np.loadtxt(tmp_path / "m.onnx.curve.csv", delimiter=",", skiprows=1, ndmin=2)
    assert curve[-1, 2] < 0.9 * curve[0, 2]


@pytest.mark.parametrize("kind", ["diffusion", "paper"])
def test_every_kind_trains_and_samples_in_steps(tmp_path, source, kind):
    imu.train(plan(source, 20, kind), tmp_path / "m.onnx")
    found = network.load(tmp_path / "m.onnx")
    rng = np.random.default_rng(0)
    from innerface.core.imu.kinematics import Motion

    still = np.zeros((300, 10, 3))
    motion = Motion(
        np.arange(300) / 60,
        load_layout().sites[1:],
        rng.normal(0, 0.1, still.shape),
        still,
        still[:, 0],
        still[..., 0],
        still,
    )
    one, four = found.infer(motion), found.infer(motion, steps=4)
    assert (
        np.abs(one[0] - four[0]).max() > 1e-4
        and np.isfinite(four[0]).all()
        and four[0].min() >= 0
        and four[0].max() <= 1
    )


def test_fine_tuning_makes_a_performers_own_take_better(tmp_path, source):
    with SampleSupply(source, capacity=2, windows_per_take=10.0, workers=1, first_number=900) as supply:
        supply.fill(1)
        own = supply.store.takes[0]
    imu.train(plan(source, 20), tmp_path / "m.onnx")
    imu.train(plan(source, 300), tmp_path / "own.onnx", SampleStore([own]), start_file=tmp_path / "m.onnx")

    def error(path):
        net = network.load(path)
        rows = np.concatenate([own.inputs.astype(np.float32), np.zeros((net.ahead, network.INPUT_COUNT), np.float32)])
        weights = net.push(rows, net.start())[0][net.ahead :]
        return float(((weights - own.weights)[own.mask] ** 2).mean())

    assert error(tmp_path / "own.onnx") < 0.9 * error(tmp_path / "m.onnx")
    assert isinstance(export.read(tmp_path / "own.onnx"), StreamNetwork)
