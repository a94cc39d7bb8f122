"""Generation of the bundled head (`core/face/head/head.npz`)."""
