"""A comparison for a wall: three cards with bars on common axes and a plain sentence each, as data and as one page."""
