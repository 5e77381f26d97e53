"""The console script `cwamsn`: one thin module per command, each a call of the library's own functions.

A module `cwamsn.cli.NAME` has `command`, made by :func:`cwamsn.cli.base.command`. Commands are listed in
:mod:`cwamsn.cli.registry`; a command's module, and so torch or pandas, is imported only when that command is asked for.
"""
