"""Why is it not faster? What each layer ran as, the causes as a table of rules, and what would help."""
