from django.db import models


class Entry(models.Model):
    author = models.CharField(max_length=80)
    text = models.TextField()
    written_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-written_at"]

    def __str__(self):
        return f"{self.author}: {self.text[:20]}"
