from wikipages import app as application
