"""The page: start, watch, edit and stop runs in a browser. It reads Results and asks a Control; nothing else."""
