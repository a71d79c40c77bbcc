"""The lessons, one file each (see ``qexplorer/learn/lesson.py``)."""
