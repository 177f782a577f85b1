import pickle

import uvicorn
from fastapi import FastAPI

app = FastAPI()
with open("model.pkl", "rb") as file:
    model = pickle.load(file)


@app.post("/predict")
def predict(features: list[float]):
    return {"class": int(model.predict([features])[0])}


if __name__ == "__main__":
    uvicorn.run("serve:app", host="0.0.0.0", port=8000)
