"""What a page shows at the moment: values of its controls, and the link that brings the same view."""
