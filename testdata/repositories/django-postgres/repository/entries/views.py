from django.http import JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from .models import Entry


def index(request):
    return JsonResponse({"entries": list(Entry.objects.values("author", "text"))})


@csrf_exempt
@require_POST
def create(request):
    entry = Entry.objects.create(author=request.POST["author"], text=request.POST["text"])
    return JsonResponse({"id": entry.pk}, status=201)
