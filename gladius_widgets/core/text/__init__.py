"""Words for people: durations, names, what a terminal may show."""
