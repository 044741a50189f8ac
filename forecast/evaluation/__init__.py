"""Scores, rolling-origin cutoffs and the choice between models."""
