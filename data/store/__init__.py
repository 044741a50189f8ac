"""The append-only store: functions that take a connection and return dataclasses."""
