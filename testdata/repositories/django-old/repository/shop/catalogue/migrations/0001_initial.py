from south.db import db
