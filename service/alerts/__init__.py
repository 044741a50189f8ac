"""Alerts: what is wrong (rules), since when (state), and who hears of it (notify)."""
