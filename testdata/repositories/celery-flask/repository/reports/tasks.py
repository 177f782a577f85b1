from .app import celery


@celery.task
def build(report_id):
    return report_id
