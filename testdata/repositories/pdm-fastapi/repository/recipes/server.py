import fastapi
from motor.motor_asyncio import AsyncIOMotorClient

api = fastapi.FastAPI()
client = AsyncIOMotorClient("mongodb://localhost:27017")


@api.get("/recipes/{slug}")
async def recipe(slug: str):
    return await client.kitchen.recipes.find_one({"slug": slug})
