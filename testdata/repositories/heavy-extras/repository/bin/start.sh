#!/bin/sh
exec newrelic-admin run-program gunicorn cms.wsgi:application
