"""Recipe + statistics -> plan (every decision explained) -> QDQ graph."""
