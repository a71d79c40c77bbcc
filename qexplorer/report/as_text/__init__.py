"""Reports as a few facts, tables and sentences: what a terminal, ``print`` and a notebook show of them."""
