"""Page Joint search: the space, trials as they come, the front, and the ways on from a recipe of it."""
