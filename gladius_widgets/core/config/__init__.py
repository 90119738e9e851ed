"""What a run is to be: the config's schema, its file, what may change live."""
