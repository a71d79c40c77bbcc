"""Lessons: one idea each, with controls, a question before the answer, and a sentence from the numbers on screen."""
