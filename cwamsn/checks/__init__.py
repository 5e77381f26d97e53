"""A whole screen checked before anything long runs: what the stages would find late is found here first.

The stages' own functions are called: they read the tables, look for the images, decode and judge them.
"""

from cwamsn.checks.page import write_page
from cwamsn.checks.report import Finding, Level, Report
from cwamsn.checks.screen import check_screen
from cwamsn.checks.screens import check_screens
from cwamsn.checks.text import lines

__all__ = ["Finding", "Level", "Report", "check_screen", "check_screens", "lines", "write_page"]
