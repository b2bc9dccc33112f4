"""The parts of the page, one module each: `ORDER`, `TITLE`, `KEYS` (of the report's `extra`) and `content(page)`.

`content` gives what the template of the same name shows, with `count` where a number belongs in the contents list; None where
the report has nothing for it. It may leave data for the script in `page.data`.
"""
