"""All pairs of representations: one driver over one grid of tiles."""
