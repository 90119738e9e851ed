"""What several pages have: bars, frames, notices, news, the announcer."""
