"""The command line, one file per group of commands. Heavy imports wait inside the commands."""
