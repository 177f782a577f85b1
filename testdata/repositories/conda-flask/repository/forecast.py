import flask
import numpy

server = flask.Flask("forecast")


@server.route("/forecast/<int:days>")
def forecast(days):
    return flask.jsonify(list(numpy.arange(days)))
