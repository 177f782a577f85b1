from photos import app


@app.route("/")
def index():
    return "photos"
