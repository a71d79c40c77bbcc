"""A repair as a chart, tables and words."""
