"""What is wrong with a run, as banners."""
