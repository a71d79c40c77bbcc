"""A search for a mix as charts, tables and words."""
