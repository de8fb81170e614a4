"""The report as one page of HTML that needs nothing but itself: no network, no other file."""

from klsweep.reporting.page.document import LIMIT, page

__all__ = ["LIMIT", "page"]
