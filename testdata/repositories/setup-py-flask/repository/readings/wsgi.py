from readings.app import build

application = build()
