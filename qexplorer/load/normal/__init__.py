"""A checked model in the one form that everything after loading works on."""
