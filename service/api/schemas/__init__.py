"""The only place with pydantic besides settings: what goes over the wire."""
