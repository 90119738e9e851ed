"""The plain page that says why there is no page."""

from html import escape

_PAGE = """<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><title>{title} · Gladius</title>
<link rel="icon" href="data:,">
<style>
:root {{ color-scheme: light dark }}
body {{ margin: 20vh auto; max-width: 34rem; padding: 0 24px; font: 14px/20px system-ui, sans-serif;
  background: light-dark(#F9FAFB, #0F1216); color: light-dark(#111827, #E7EAF0) }}
h1 {{ font-size: 24px; line-height: 32px }}
</style>
<h1>{title}</h1><p>{text}</p>{more}</html>
"""


_RELOAD = '<p><a href="">Reload</a></p>'


def message_page(title: str, text: str, *, reload: bool = False) -> str:
    """An HTML page of a title and one paragraph, both escaped, and a way to load it again."""
    more = _RELOAD if reload else ""
    return _PAGE.format(title=escape(title), text=escape(text), more=more)
