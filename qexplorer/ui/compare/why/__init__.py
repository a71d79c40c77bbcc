"""The section that says why a run is not faster: the verdict, its causes with fixes, and where the time goes."""
