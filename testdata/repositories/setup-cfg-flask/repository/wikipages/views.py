from wikipages import app


@app.route("/<path:name>")
def page(name):
    return name
