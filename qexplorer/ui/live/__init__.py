"""Page Live: two variants on one stream."""
