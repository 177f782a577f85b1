class Bottle: pass
app = Bottle()
