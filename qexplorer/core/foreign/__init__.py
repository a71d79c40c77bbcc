"""What strangers wrote: read within limits, and shown so that it stays text."""
