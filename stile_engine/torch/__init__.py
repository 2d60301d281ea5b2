"""The front end for PyTorch. Importing this package does not import PyTorch."""
