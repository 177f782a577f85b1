from flask import Flask

app = Flask(__name__)
app.config.update(
    SQLALCHEMY_DATABASE_URI="mysql+pymysql://photos:photos@localhost/photos",
    UPLOAD_FOLDER="/var/lib/photos/uploads",
)

from photos import views  # noqa
