"""What a stranger's model may ask of this machine, checked before anything is expanded or allocated."""
