"""Make the table of notes."""

import uuid

from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Note",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("owner", models.CharField(default="everyone", editable=False, max_length=64)),
                ("title", models.CharField(max_length=200)),
                ("body", models.TextField(blank=True, default="")),
                ("attachment", models.FileField(blank=True, upload_to="attachments")),
                ("attachment_name", models.CharField(blank=True, default="", max_length=255)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["owner", "created_at", "id"], name="notes_newest")
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("owner", "title"), name="notes_unique_title")
                ],
            },
        ),
    ]
