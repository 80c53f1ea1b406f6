"""What can be learned from a representation: new concepts from few examples, and other responses."""
