"""How long a comparison takes and is expected to take, how far it is, and what it waits for."""
