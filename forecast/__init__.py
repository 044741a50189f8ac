"""Pure forecasting core: pandas and numpy in, numbers out. No I/O, clock, database or settings."""
