"""The verifier. Importing this package loads no framework and no set library."""
