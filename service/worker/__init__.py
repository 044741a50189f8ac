"""The process that fits."""
