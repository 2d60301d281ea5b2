"""The parts of a check: finding kernels, running the module, tracing and proving each kernel, saying what was found."""
