from django.test import TestCase

class ProductTest(TestCase):
    def test_name(self):
        pass
