"""Background operators."""

import innerface.blender_addon.operators.base


def test_a_dialog_that_is_cancelled_before_any_work_ends_without_an_error():
    import bpy

    class DialogOperator(innerface.blender_addon.operators.base.BackgroundOperator):
        """Like the import dialog: Blender calls `cancel` before the job has started."""

    DialogOperator().cancel(bpy.context)
