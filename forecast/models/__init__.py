"""Point forecasters, one file each; MODELS is read top to bottom."""
