app = traced(app)
