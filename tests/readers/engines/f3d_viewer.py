"""Print the clip that the viewer F3D finds in a GLB: f3d_viewer.py FILE."""

import json
import os
import sys

import f3d


def main() -> None:
    output = os.dup(1)
    os.dup2(2, 1)  # F3D draws its progress on standard output
    engine = f3d.Engine.create_none()
    engine.scene.add(sys.argv[1])
    animation = engine.scene.animation
    start, end = animation.get_time_range()
    clip = {"name": animation.get_name(), "duration": end - start, "curves": {}, "rotations": {}}
    sys.stdout.flush()
    os.dup2(output, 1)
    print(json.dumps({"clips": [clip] if animation.count() else []}), flush=True)
    os._exit(0)


main()
