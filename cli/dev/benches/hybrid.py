"""Detection and repair of hidden ranges in camera takes."""

from __future__ import annotations

from typing import Any

from ....core.take import TrackKind
from ...progress import step

TAKES = ("alex_rom_3.csv", "alex_rom_4.csv", "S07-001.csv", "apfel.csv")


def hybrid() -> dict[str, Any]:
    """Measure detection and repair on real takes (else generated ones) with simulated damage and simulated sensors.

    Baselines of the repair are the damaged camera, plain substitution, a held, an interpolated and a mean face.
    """
    import numpy as np

    from ....core import formats
    from ....core.face.face_model import IdentityModel, find_ict, load_bundled
    from ....core.hybrid import detector
    from ....core.hybrid.helper_alignment import align_helper
    from ....core.performance import augment
    from ....core.performance.generate import generate
    from ....core.take import Take
    from ..tables import occlusion
    from ..tables.models import evaluation_pair

    ict = find_ict()
    folder = ict.parent / "arkit" if ict is not None else None
    has_real_takes = folder is not None and folder.is_dir()
    if has_real_takes and folder is not None:
        takes = {name: formats.read_take(folder / name) for name in TAKES}
        short_takes = [formats.read_take(p) for p in sorted(folder.glob("*.csv")) if p.name not in TAKES]
    else:
        takes = {
            f"generated {k}": Take(
                f"generated {k}", {TrackKind.WEIGHTS: augment.at_rate(generate(90.0, np.random.default_rng(k)), 30.0)}
            )
            for k in range(3)
        }
        short_takes = []
    identities = IdentityModel(ict) if ict is not None else None
    detection_alone, detection_helped, repair_scores, mse_by_take = (
        occlusion.DetectionScore(),
        occlusion.DetectionScore(),
        {},
        {},
    )
    rng = np.random.default_rng(11)
    with step("occlusions") as bar:
        for k, (name, take) in enumerate(takes.items()):
            track = take.weights()
            imu = occlusion.simulate_sensors(
                track, identities.sample(40 + k) if identities else load_bundled(), "studio", seed=40 + k
            )
            repair_scores[name] = occlusion.RepairScore()
            occlusion.score_repair(
                repair_scores[name], take, imu, damages=("microphone",), rng=np.random.default_rng(70 + k)
            )
            sensor_features = align_helper(take, imu, model=evaluation_pair()).helper.features()
            for detection, helper_features in ((detection_alone, None), (detection_helped, sensor_features)):
                occlusion.score_undamaged(detection, track, helper_features)
                occlusion.score_damaged(detection, track, helper_features, rng=rng)
            mse_by_take[name] = {m: repair_scores[name].mse(m) for m in occlusion.METHODS}
            bar((k + 1) / len(takes))
        for take in short_takes:
            occlusion.score_undamaged(detection_alone, take.weights(), None)
    samples = sum(s.samples for s in repair_scores.values())
    mse = {m: sum(s.squared_errors[m] for s in repair_scores.values()) / samples for m in occlusion.METHODS}
    duration_s = sum(s.take_duration_s for s in repair_scores.values())
    return {
        "input": f"{'real takes' if has_real_takes else 'generated performances'}, {duration_s:.0f} s, "
        f"{occlusion.DAMAGED_SHARE:.0%} of each with simulated damage; sensors simulated, preset studio",
        "files": f"{', '.join(takes)}; the detector never saw alex_rom_*: {detector.load().card.get('held out', '')}",
        "mse": mse["sensors"],
        "mse_vs_plain": mse["sensors"] / mse["plain"],
        "mse_vs_camera": mse["sensors"] / mse["camera"],
        "mse_by_method": mse,
        "mse_by_take": mse_by_take,
        "outside_changed": max(s.outside_change for s in repair_scores.values()),
        "seam_vs_own_p999": max(s.seam_ratio for s in repair_scores.values()),
        **detection_helped.figures(),
        "alone": detection_alone.figures(),
        "x_realtime": duration_s / sum(s.total_s for s in repair_scores.values()),
        "mixing_x_realtime": duration_s / sum(s.repair_s for s in repair_scores.values()),
    }
