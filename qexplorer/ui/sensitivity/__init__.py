"""Page Sensitivity."""
