from fastapi import APIRouter

router = APIRouter()


@router.get("/readyz", include_in_schema=False)
async def readyz():
    return {}
