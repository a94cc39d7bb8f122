"""Compare a weights take or landmarks with the true ones.

Weights are compared by mean square error, in millimetres on a face, by lip closures and jitter; landmarks by MAE, NME
and share under 2.66 mm. Figures are per frame (median, mean, standard deviation), beside those of the neutral face and
of the take's own mean face on the same frames. Millimetres are on ICT-FaceKit's narrow face if its arrays are found,
else on the bundled head.
"""

from __future__ import annotations

import argparse
import math
from typing import Any

from ..core import formats
from ..core.face import metrics
from ..core.face.face_model import load_face_model
from ..core.landmarks import points
from ..core.take import Take
from .output import print_take_notes
from .parsing import add_face_option


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--pred", required=True, metavar="W.csv", help="the predicted take")
    parser.add_argument("--truth", required=True, metavar="W.csv", help="the true take")
    add_face_option(parser)


def run(options: argparse.Namespace) -> dict[str, Any]:
    pred, truth = formats.read_take(options.pred), formats.read_take(options.truth)
    if points.find_landmarks(pred) is not None or points.find_landmarks(truth) is not None:
        return _evaluate_landmarks(options, pred, truth)
    result = metrics.evaluate(pred.weights(), truth.weights(), load_face_model(options.face))
    result = _nan_to_none(result)
    print_take_notes(pred, truth)
    if not options.json:
        _print_table(result)
    return result


def _evaluate_landmarks(options: argparse.Namespace, pred: Take, truth: Take) -> dict[str, Any]:
    """Compare landmarks; weights are turned into landmarks first."""
    from ..core.landmarks import metrics as figures
    from ..core.landmarks.sources import landmarks_of

    face = load_face_model(options.face)
    (a, _), (b, _) = (landmarks_of(take, face) for take in (pred, truth))
    result = _nan_to_none(figures.evaluate(a, b))
    print_take_notes(pred, truth)
    if not options.json:
        groups = list(result["mae_mm_by_group"]["pred"])
        print(
            f"{result['rows']} rows matched by {result['matched_by']}; "
            f"{result['interocular_mm']:.1f} mm between the pupils"
        )
        print(f"{'':<12}{'MAE mm':>8}{'NME %':>8}{'under 2.66 mm':>15}" + "".join(f"{g:>9}" for g in groups))
        for title, name in (("prediction", "pred"), ("mean face", "mean_face"), ("rest face", "rest_face")):
            row = result if name == "pred" else result[name]
            print(
                f"{title:<12}{row['mae_mm']:>8.2f}{row['nme_percent']:>8.2f}{row['share_under_2_66mm']:>15.1%}"
                + "".join(f"{result['mae_mm_by_group'][name][g] or 0:>9.2f}" for g in groups)
            )
    return result


def _nan_to_none(value: Any) -> Any:
    """Replace NaN, which JSON does not have."""
    if isinstance(value, dict):
        return {k: _nan_to_none(v) for k, v in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value


def _print_table(result: dict[str, Any]) -> None:
    print(f"{result['rows']} rows matched by {result['matched_by']}; millimetres on {result['region']}")
    print(f"{'':<12}{'weights MSE':>32}{'PVE mm':>28}{'PVE_LMK mm':>28}")
    print(f"{'':<12}{'median      mean       std':>32}{'median    mean     std':>28}{'median    mean     std':>28}")
    for title, row in (("prediction", result), ("neutral", result["neutral"]), ("mean face", result["mean_face"])):
        mse, pve, lmk = row["mse"], row["pve_mm"], row["pve_lmk_mm"]
        print(
            f"{title:<12}{mse['median']:>12.5f}{mse['mean']:>10.5f}{mse['std']:>10.5f}"
            + "".join(f"{m['median']:>12.3f}{m['mean']:>8.3f}{m['std']:>8.3f}" for m in (pve, lmk))
        )
    print("\nMSE by group        prediction   neutral   mean face")
    for group, value in result["mse_by_group"]["pred"].items():
        neutral, mean_face = (result["mse_by_group"][name][group] for name in ("neutral", "mean_face"))
        print(f"  {group:<18}{value:>10.5f}{neutral:>10.5f}{mean_face:>12.5f}")
    correlations = {c: r for c, r in result["correlation"].items() if r is not None}
    if correlations:
        lowest = ", ".join(f"{c} {r:.2f}" for c, r in sorted(correlations.items(), key=lambda item: item[1])[:5])
        median = sorted(correlations.values())[len(correlations) // 2]
        print(f"\nchannel correlation: median {median:.3f}; lowest: {lowest}")
    lip_closure, jitter = result["lip_closure"], result["jitter"]
    if lip_closure["closures"]:
        print(f"lip closures hit: {lip_closure['hit_rate']:.0%} of {lip_closure['closures']}")
    print(f"jitter: {jitter['pred']:.5f}; of the true take: {jitter['truth']:.5f}")
