"""What each layer's rounding costs: tables, words and charts."""
