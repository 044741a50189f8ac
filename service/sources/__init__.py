"""Prices and rates that come by themselves: pulled over HTTP, or taken from a folder."""
