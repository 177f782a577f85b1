import os

from setuptools import find_packages, setup

here = os.path.abspath(os.path.dirname(__file__))
requires = [
    "Flask-RESTful",
    "psycopg2-binary >= 2.8",
    "gunicorn",
]

setup(
    name="meter-readings",
    version="1.2",
    packages=find_packages(),
    install_requires=requires,
    extras_require={"test": ["nose"]},
    python_requires=">=3.7,<3.12",
    entry_points={"console_scripts": ["readings = readings.__main__:main"]},
)
