"""Does a backend answer what the simulation answers? The gate before every number; the ladder shows where they part."""
