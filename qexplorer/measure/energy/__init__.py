"""Energy of one inference: measured by a meter, estimated without one, or priced by published tables."""
