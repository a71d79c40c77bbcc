"""Parts of a network learn to give the float network's outputs again: blocks, what learns in them, and the loop."""
