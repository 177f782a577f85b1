from fastapi import Depends, FastAPI

import crud
from database import session

app = FastAPI()
admin = FastAPI(title="admin")
app.mount("/admin", admin)


@app.get("/pets")
async def pets(db=Depends(session)):
    return await crud.pets(db)
