"""Print the clip of a GLB that VTK finds, and where it moves the vertices: vtk_geometry.py FILE TIME..."""

import json
import sys

import vtk
from vtk.util.numpy_support import vtk_to_numpy


def main() -> None:
    reader = opened()
    clip = {"name": reader.GetAnimationName(0), "duration": reader.GetAnimationDuration(0)}
    posed = [points_at(float(time)) for time in sys.argv[2:]]
    json.dump({"clips": [clip | {"curves": {}, "rotations": {}}], "posed": posed}, sys.stdout)


def opened() -> vtk.vtkGLTFReader:
    reader = vtk.vtkGLTFReader()
    reader.SetFileName(sys.argv[1])
    reader.ApplyDeformationsToGeometryOn()
    reader.SetFrameRate(0)
    reader.UpdateInformation()
    if not reader.GetNumberOfAnimations():
        sys.exit("VTK finds no animation")
    reader.EnableAnimation(0)
    reader.UpdateInformation()
    return reader


def points_at(time: float) -> list[list[float]]:
    reader = opened()
    reader.UpdateTimeStep(time)
    leaves = reader.GetOutput().NewIterator()
    points = []
    while not leaves.IsDoneWithTraversal():
        points += vtk_to_numpy(leaves.GetCurrentDataObject().GetPoints().GetData()).tolist()
        leaves.GoToNextItem()
    return points


main()
