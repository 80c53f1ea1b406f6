"""What is compared: representations, measured dissimilarities, and items of both."""
