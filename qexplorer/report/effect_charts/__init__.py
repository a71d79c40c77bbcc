"""What algorithms of a recipe changed, as tables and charts."""
