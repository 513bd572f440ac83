"""What lies in a folder of clips, which of it is meant, and what became of the rest."""
