# Prints, as JSON, the animation that Godot imported from take.glb.
extends SceneTree

func _init():
	var clips = []
	var player = find_player(load("res://take.glb").instance())
	for name in player.get_animation_list():
		var animation = player.get_animation(name)
		var curves = {}
		var rotations = {}
		for track in animation.get_track_count():
			var path = str(animation.track_get_path(track))
			var times = []
			var values = []
			for key in animation.track_get_key_count(track):
				var value = animation.track_get_key_value(track, key)
				times.append(animation.track_get_key_time(track, key))
				if animation.track_get_type(track) == Animation.TYPE_TRANSFORM:
					var q = value["rotation"]
					values.append([q.x, q.y, q.z, q.w])
				else:
					values.append(value)
			var bare = path.split(":")[-1]
			if bare.begins_with("blend_shapes/"):
				curves[bare.substr(13)] = {"times": times, "values": values}
			elif animation.track_get_type(track) == Animation.TYPE_TRANSFORM:
				rotations[bare.split("/")[-1]] = {"times": times, "values": values}
		clips.append({"name": name, "duration": animation.length, "curves": curves, "rotations": rotations})
	var file = File.new()
	file.open("res://found.json", File.WRITE)
	file.store_string(JSON.print({"clips": clips}))
	file.close()
	quit()

func find_player(node):
	if node is AnimationPlayer:
		return node
	for child in node.get_children():
		var found = find_player(child)
		if found:
			return found
	return null
