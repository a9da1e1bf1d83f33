"""The report page, in Markdown and in HTML."""
