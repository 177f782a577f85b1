"""What takes traces in the tests: it decodes OTLP over HTTP, and prints each span as a line of JSON."""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse


def text(value):
    """Return an attribute's value, whichever type it has."""
    return str(getattr(value, value.WhichOneof("value")))


def spans(request):
    for resource in request.resource_spans:
        about = {a.key: text(a.value) for a in resource.resource.attributes}
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield {
                    "name": span.name,
                    "trace": span.trace_id.hex(),
                    "id": span.span_id.hex(),
                    "parent": span.parent_span_id.hex(),
                    "kind": span.kind,
                    "attributes": {a.key: text(a.value) for a in span.attributes},
                    "service": about.get("service.name"),
                    "release": about.get("service.version"),
                }


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path != "/v1/traces" or self.headers["Authorization"] != "Bearer of-the-collector":
            self.send_error(401)
            return
        # All of a body, as well, in which the tests look for what must not be there
        print(json.dumps({"body": body.decode("latin-1")}), flush=True)
        for span in spans(ExportTraceServiceRequest.FromString(body)):
            print(json.dumps(span), flush=True)
        answer = ExportTraceServiceResponse().SerializeToString()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_arguments):
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
