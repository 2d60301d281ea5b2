"""``python -m stile_lsp``."""

from stile_lsp.server import main

if __name__ == "__main__":
    main()
