"""The track record: every forecast issued, scored when the price arrives."""
