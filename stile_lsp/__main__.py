"""``python -m stile_lsp``."""

from stile_lsp.start import main

if __name__ == "__main__":
    main()
