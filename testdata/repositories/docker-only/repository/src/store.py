async def find(db, slug):
    return "https://example.com"
