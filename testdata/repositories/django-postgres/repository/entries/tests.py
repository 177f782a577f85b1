from django.test import TestCase

from .models import Entry


class EntryTests(TestCase):
    def test_index(self):
        Entry.objects.create(author="Ada", text="Hello")
        self.assertContains(self.client.get("/"), "Ada")
