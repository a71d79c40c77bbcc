"""Values and arithmetic that everything else is built on. Imports nothing of the rest of the package."""
