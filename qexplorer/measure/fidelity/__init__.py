"""Does a backend answer what the simulation answers? The gate in front of every number, and the ladder that shows where they part."""
