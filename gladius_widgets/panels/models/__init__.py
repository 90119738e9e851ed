"""What each panel says, as pure functions of rows and snapshots: no widget, no file, no clock."""
