"""What the grid editor needs of a tensor, or instead of one: few bins, drawn values, outliers, who spoils a scale."""
