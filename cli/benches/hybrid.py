"""Hidden stretches of camera takes: found and mended."""

from __future__ import annotations

from typing import Any

from ..progress import step

TAKES = ("alex_rom_3.csv", "alex_rom_4.csv", "S07-001.csv", "apfel.csv")


def hybrid() -> dict[str, Any]:
    """Real takes (where they are at hand, else performances made in code) with simulated damage and simulated sensors: how much of the damage the detector
    finds, what it flags on sound takes, how far the mended take is from what it was, beside the damaged camera, plain substitution, a held, an interpolated
    and a mean face, and how fast all of it is."""
    import numpy as np

    from ...core import formats
    from ...core.face_model import Identities, bundled, find_ict
    from ...core.hybrid import detect, mix
    from ...core.performance import augment
    from ...core.performance.generate import generate
    from ...core.take import Take
    from ..tables import occlusion

    ict = find_ict()
    folder = ict.parent / "arkit" if ict is not None else None
    real = folder is not None and folder.is_dir()
    if real and folder is not None:
        takes = {name: formats.read_take(folder / name) for name in TAKES}
        short = [formats.read_take(p) for p in sorted(folder.glob("*.csv")) if p.name not in TAKES]
    else:
        takes = {f"made up {k}": Take(f"made up {k}", {"weights": augment.at_rate(generate(90.0, np.random.default_rng(k)), 30.0)}) for k in range(3)}
        short = []
    people = Identities(ict) if ict is not None else None
    alone, helped, sums, told = occlusion.Found(), occlusion.Found(), {}, {}
    rng = np.random.default_rng(11)
    with step("occlusions") as bar:
        for k, (name, take) in enumerate(takes.items()):
            track = take.weights()
            imu = occlusion.worn(track, people.face(40 + k) if people else bundled(), "studio", 40 + k)
            sums[name] = occlusion.Mending()
            occlusion.mended(sums[name], take, imu, ("microphone",), np.random.default_rng(70 + k))
            helper = mix.help_from(take, imu).helper.features()
            for found, helping in ((alone, None), (helped, helper)):
                occlusion.untouched(found, track, helping)
                occlusion.damaged(found, track, helping, rng)
            told[name] = {m: sums[name].mse(m) for m in occlusion.METHODS}
            bar((k + 1) / len(takes))
        for take in short:
            occlusion.untouched(alone, take.weights(), None)
    samples = sum(s.samples for s in sums.values())
    mse = {m: sum(s.square[m] for s in sums.values()) / samples for m in occlusion.METHODS}
    taken = sum(s.taken_s for s in sums.values())
    return {
        "input": f"{'real takes' if real else 'performances made in code'}, {taken:.0f} s, {occlusion.SHARE:.0%} of each damaged by simulation; sensors "
        "simulated, preset studio",
        "files": f"{', '.join(takes)}; the detector never saw alex_rom_*: {detect.load().card.get('held out', '')}",
        "mse": mse["sensors"],
        "mse_vs_plain": mse["sensors"] / mse["plain"],
        "mse_vs_camera": mse["sensors"] / mse["camera"],
        "mse_by_method": mse,
        "mse_by_take": told,
        "outside_changed": max(s.outside for s in sums.values()),
        "seam_vs_own_p999": max(s.seam for s in sums.values()),
        **helped.figures(),
        "alone": alone.figures(),
        "x_realtime": taken / sum(s.whole_s for s in sums.values()),
        "mixing_x_realtime": taken / sum(s.mixing_s for s in sums.values()),
    }
