# -*- coding: utf-8 -*-
import os
PROJECT_DIR = os.path.dirname(os.path.abspath(__file__))

DEBUG = True
TEMPLATE_DEBUG = DEBUG

DATABASES = {
    'default': {
        'ENGINE': 'django.db.backends.mysql', # or 'postgresql_psycopg2', 'sqlite3'
        'NAME': 'shop',
        'USER': 'shop',
        'PASSWORD': 's3cret',
    }
}
#        'ENGINE': 'django.db.backends.sqlite3',
MEDIA_ROOT = os.path.join(PROJECT_DIR, 'media')
STATIC_ROOT = '/var/www/shop/static/'
print "loading settings"
INSTALLED_APPS = ('django.contrib.auth', 'django.contrib.admin', 'catalogue')
