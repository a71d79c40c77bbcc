"""How the app is served: to one person on one machine, or to several on a shared host."""
