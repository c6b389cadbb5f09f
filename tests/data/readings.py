"""What tests compare of what a reader returns, and of what it prints."""


def marked(reading):
    """RETURNS: Each query's text, and the text and label of its spans."""
    return [
        (query.text, [(query.text[span.start : span.end], span.label) for span in query.spans])
        for query in reading.queries
    ]


def rejections(reading):
    """RETURNS: Row number and reason of each rejected row."""
    return [(item["row"], item["reason"]) for item in reading.rejected]
