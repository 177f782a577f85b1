from django.contrib.staticfiles.storage import ManifestStaticFilesStorage


class StaticStorage(ManifestStaticFilesStorage):
    """Names with a hash of the content once `collectstatic` has made them, plain ones before."""

    def stored_name(self, name: str) -> str:
        return super().stored_name(name) if self.hashed_files else name
