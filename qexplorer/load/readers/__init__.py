"""One file format a file: bytes of a stranger in, plain arrays out."""
