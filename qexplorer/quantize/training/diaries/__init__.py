"""What is known of a training while it runs and afterwards: the diary, who keeps it, and what it foretells."""
