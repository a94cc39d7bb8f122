"""Parts of the face, as items of Blender's menus."""

PART_ITEMS = tuple(
    (name, label, f"Key the {label.lower()}", 1 << k)
    for k, (name, label) in enumerate(
        (
            ("mouth", "Mouth"),
            ("cheek", "Cheeks"),
            ("brow", "Brows"),
            ("eye_left", "Left Eye"),
            ("eye_right", "Right Eye"),
            ("head", "Head"),
        )
    )
)
PART_NAMES = {name: label for name, label, *_ in PART_ITEMS}
HIDDEN_PART_ITEMS = tuple(
    (name, label, f"Occlusion of the {label.lower()}") for name, label in PART_NAMES.items() if name != "head"
)
