"""Typed chart data, charts, tables and notebook display."""
