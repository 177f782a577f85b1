async def pets(db):
    return []
