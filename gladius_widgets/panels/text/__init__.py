"""How numbers, states, events and whole jobs read, wherever they stand."""
