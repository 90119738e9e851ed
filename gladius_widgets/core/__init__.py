"""What everything else stands on: config, job states, paths, cost, atomic writes. No I/O policy."""
