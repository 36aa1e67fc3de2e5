"""Any record → text for people. Pure: a record becomes a ``Page``, a page becomes text.

    pages     record → Page: what is said, and in which order
    text      Page → a terminal (the only room with Rich in it)
    markdown  Page → Markdown
    github    report → annotations that a pull request shows
    tree      the tables of the diagnosis, the remedies and the guardrails → text, Mermaid

JSON is the records' own.
"""
