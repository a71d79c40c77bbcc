"""Page Learn: one lesson at a time, whose whole state stands in the address."""
