"""The only place with a clock, a network, threads and settings."""
