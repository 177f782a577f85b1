"""The example: notes with an attachment, as pages and as an API."""
