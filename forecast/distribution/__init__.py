"""From point paths to calibrated ranges and sample paths."""
