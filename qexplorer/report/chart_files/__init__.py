"""Charts that leave the page: pictures and tables with the settings in them."""
