"""All parts of one attempt, built from its config, and its state."""
