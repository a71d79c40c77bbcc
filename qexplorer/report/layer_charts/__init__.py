"""A model layer by layer as pictures: plan, ladder, times, roofline, saturation."""
