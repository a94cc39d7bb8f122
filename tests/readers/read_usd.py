"""Print, as JSON, what Pixar's library (PyPI: usd-core) finds in a USD file: meshes, blend shape weights, rotations."""

import json
import sys

import numpy as np
from pxr import Usd, UsdGeom, UsdSkel


def main() -> None:
    stage = Usd.Stage.Open(sys.argv[1])
    rate = stage.GetTimeCodesPerSecond()
    meshes, clips = {}, []
    for prim in stage.Traverse():
        if prim.IsA(UsdGeom.Mesh):
            mesh = UsdGeom.Mesh(prim)
            binding = UsdSkel.BindingAPI(prim)
            meshes[prim.GetName()] = {
                "vertices": len(mesh.GetPointsAttr().Get(Usd.TimeCode.EarliestTime())),
                "morphs": list(binding.GetBlendShapesAttr().Get() or []),
            }
        elif prim.IsA(UsdSkel.Animation):
            clips.append(clip(UsdSkel.Animation(prim), rate))
    json.dump(
        {
            "rate": rate,
            "up": str(UsdGeom.GetStageUpAxis(stage)),
            "metres_per_unit": UsdGeom.GetStageMetersPerUnit(stage),
            "meshes": meshes,
            "clips": clips,
        },
        sys.stdout,
    )


def clip(animation: UsdSkel.Animation, rate: float) -> dict:
    weights, turns = animation.GetBlendShapeWeightsAttr(), animation.GetRotationsAttr()
    codes = np.array(weights.GetTimeSamples())
    values = np.array([weights.Get(code) for code in codes], dtype=float)
    curves = {
        name: {"times": (codes / rate).tolist(), "values": column.tolist()}
        for name, column in zip(animation.GetBlendShapesAttr().Get(), values.T)
    }
    rotations = {}
    codes_of_turns = turns.GetTimeSamples() or [0.0]
    quaternions = np.array(
        [[[*q.GetImaginary(), q.GetReal()] for q in turns.Get(code)] for code in codes_of_turns], dtype=float
    )
    for k, joint in enumerate(animation.GetJointsAttr().Get() or []):
        rotations[joint.rpartition("/")[2]] = {
            "times": (np.array(codes_of_turns) / rate).tolist(),
            "values": quaternions[:, k].tolist(),
        }
    duration = float(max([0.0, *codes, *codes_of_turns]) / rate)
    return {"name": animation.GetPrim().GetName(), "duration": duration, "curves": curves, "rotations": rotations}


if __name__ == "__main__":
    main()
