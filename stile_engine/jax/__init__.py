"""The front end for JAX. Importing this package does not import JAX."""
