"""A job's data as it arrives: reader, feed, history, and the panels' base."""
