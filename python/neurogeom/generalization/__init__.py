"""What can be learned from a representation: new concepts from few examples, other responses, and how well."""
