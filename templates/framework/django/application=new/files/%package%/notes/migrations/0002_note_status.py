"""Give each note a status.

The database's own default fills the rows that are there and those that the former release writes
while both run. Such a column is added without a rewrite of the table.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("notes", "0001_notes")]

    operations = [
        migrations.AddField(
            model_name="note",
            name="status",
            field=models.CharField(
                choices=[("open", "Open"), ("done", "Done")],
                db_default="open",
                default="open",
                max_length=16,
            ),
        ),
    ]
