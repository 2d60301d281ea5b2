"""Starts the bundled language server under the interpreter that runs this file.

The bundled libraries come first, so that nothing installed in the user's environment can change
the server; it reads no other file of the folder that is open.
"""

import os
import sys

# Kept readable for any Python 3, so that an old one gets this sentence and not a syntax error.
if sys.version_info < (3, 11):  # noqa: UP036
    sys.stderr.write("Stile needs Python 3.11 or newer; " + sys.executable + " is " + sys.version.split()[0] + ".\n")
    sys.exit(1)

LIBRARIES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "libs")
sys.path.insert(0, LIBRARIES)

from stile_lsp.start import main  # noqa: E402  (the path above is what makes it importable)

if __name__ == "__main__":
    main()
