import unittest


class Test(unittest.TestCase):
    pass
