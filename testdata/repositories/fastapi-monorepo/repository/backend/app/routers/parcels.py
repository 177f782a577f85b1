from fastapi import APIRouter

router = APIRouter(prefix="/parcels")


@router.get("/")
async def index():
    return []
