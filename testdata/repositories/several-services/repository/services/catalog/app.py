from flask import Flask
from pymongo import MongoClient

app = Flask(__name__)
db = MongoClient("mongodb://mongo/catalog")
