from readings.app import build


def main():
    build().run()


if __name__ == "__main__":
    main()
