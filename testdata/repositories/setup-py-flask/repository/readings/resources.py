import psycopg2
from flask_restful import Resource


class Reading(Resource):
    def get(self):
        return psycopg2.connect("").cursor().fetchall()
