"""How separable manifolds are: capacity in all its forms, and the cone projections below it."""
