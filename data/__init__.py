"""What is known and where it is kept. Imports forecast types; never service."""
