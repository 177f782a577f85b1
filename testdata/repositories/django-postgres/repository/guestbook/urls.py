from django.contrib import admin
from django.urls import path

from entries import views

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", views.index, name="index"),
    path("entries", views.create, name="create"),
]
