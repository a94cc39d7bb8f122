"""What developers run: benches, reports, training, pictures. Not part of the add-on."""
