"""The training loop: steps, validations, commands, saving, recovery."""
