"""How the program feels in Python: packages that are verbs, values that show themselves in a notebook."""
