"""Which things of the standard library make a module depend on more than its text: files, clocks, chance.

A result that may rest on them is never kept: nobody would notice when they change.
"""

from __future__ import annotations

_MODULES = {
    "files": "io glob shutil tempfile sqlite3 shelve dbm fileinput filecmp mmap zipfile tarfile csv configparser",
    "the network": "socket ssl urllib http ftplib smtplib xmlrpc requests",
    "other processes": "subprocess multiprocessing signal pty",
    "the clock": "time datetime calendar sched",
    "chance": "random secrets uuid",
    "the environment": "os posix platform getpass locale pwd grp resource sysconfig site",
    "its own source": "inspect linecache tokenize ast dis traceback",
    "modules by computed names": "importlib pkgutil runpy zipimport imp",
    "the interpreter": "gc ctypes _ctypes sys builtins weakref atexit pickle marshal copyreg code codeop",
    "threads": "threading concurrent asyncio _thread queue",
}
_KIND = {module: kind for kind, modules in _MODULES.items() for module in modules.split()}

_HARMLESS = frozenset(
    "os.path.join os.path.dirname os.path.basename os.path.abspath os.path.normpath os.path.split os.path.splitext "
    "os.sep os.PathLike os.fspath os.path sys.path sys.version_info sys.version sys.maxsize sys.float_info "
    "sys.platform sys.byteorder sys.implementation sys.path.insert sys.path.append inspect.cleandoc "
    "time datetime random os sys io inspect importlib".split()
)
"""What of these modules says the same every time; a module by itself is only a name."""

_BUILTINS = {
    "open": "files",
    "input": "its input",
    "id": "addresses in memory",
    "hash": "addresses in memory",
    "breakpoint": "its input",
}

PATH_METHODS = frozenset(
    "exists is_file is_dir is_symlink is_mount is_socket is_fifo is_block_device is_char_device is_junction "
    "read_text read_bytes iterdir rglob stat lstat samefile owner readlink cwd expanduser".split()
)
"""Names of methods that look at files; whatever has such a method is taken for a path."""


def reason(origin: str, path: tuple[str, ...]) -> str | None:
    """Why a use of ``origin.path`` forbids keeping a result; None where it does not.

    ``origin`` is the dotted name of a library's thing, or ``builtins.NAME``.
    """
    if origin.startswith("builtins."):
        name = origin.removeprefix("builtins.")
        return f"it depends on {_BUILTINS[name]}: {name}" if name in _BUILTINS else None
    dotted = ".".join((origin, *path))
    module = origin.partition(".")[0]
    kind = _KIND.get(module)
    if kind is None or dotted in _HARMLESS:
        return None
    return f"it depends on {kind}: {dotted}"
