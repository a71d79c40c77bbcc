"""From the nodes of a QDQ graph to operators that LiteRT's converter takes, one idea a file."""
