"""Which shape keys, columns and bones of a character answer to which channels."""
