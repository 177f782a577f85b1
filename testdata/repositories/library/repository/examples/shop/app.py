import sqlite3
from flask import Flask

app = Flask(__name__)
