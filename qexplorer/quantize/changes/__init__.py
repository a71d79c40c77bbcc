"""What algorithms change, from their drafts to the plan, and how it is kept."""
