"""What a face is in numbers: channels, names, mapping, models, measures."""
