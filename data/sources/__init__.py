"""Adapters for what users bring: one format a file."""
