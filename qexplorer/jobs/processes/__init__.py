"""The process of a job from outside: whether it lives, how it is ended, and who stands by it."""
