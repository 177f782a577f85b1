package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// minimal are applications of each framework that answer that they live and are ready, and do nothing besides: what the
// generated ones are measured against.
var minimal = map[string]string{
	"django": `from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import JsonResponse
from django.urls import path

settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="of no use here", MIDDLEWARE=[])
urlpatterns = [path(name, lambda request: JsonResponse({"status": "ok"})) for name in ("livez", "readyz")]
app = get_wsgi_application()
`,
	"flask": `from flask import Flask

app = Flask(__name__)


@app.get("/livez")
@app.get("/readyz")
def live():
    return {"status": "ok"}
`,
	"fastapi": `from fastapi import FastAPI

app = FastAPI()


@app.get("/livez")
@app.get("/readyz")
async def live():
    return {"status": "ok"}
`,
}

// entry is how a server names the application that it loads.
var entry = map[string]string{"django": "shop.wsgi:application", "flask": "shop.main:app", "fastapi": "shop.main:app"}

// BenchmarkHealth compares the health endpoint, with logs, request ids and metrics, to that of a minimal application of the
// same framework under the same server and settings, in turns.
func BenchmarkHealth(b *testing.B) {
	for _, framework := range frameworks {
		for _, server := range []string{"gunicorn", "uwsgi"} {
			if server == "uwsgi" && framework == "fastapi" {
				continue
			}
			b.Run(framework+"/"+server, func(b *testing.B) {
				flags := []string{"--framework", framework, "--database", "sqlite", "--server", server}
				whole := forProduction(b, flags...).serve("/livez")
				r := forProduction(b, flags...)
				writeFile(b, r.path("minimal.py"), minimal[framework])
				module, name, _ := strings.Cut(entry[framework], ":")
				if server == "uwsgi" {
					r.rewrite("deploy/application.py", "from "+module+" import "+name+" as inner", "from minimal import app as inner")
				} else {
					r.rewrite("Makefile", entry[framework], "minimal:app")
				}
				compare(b, whole.base, r.serve("/livez").base)
			})
		}
	}
}

// BenchmarkProxy compares the same by way of nginx, both applications in containers as they are deployed.
func BenchmarkProxy(b *testing.B) {
	for _, framework := range frameworks {
		b.Run(framework, func(b *testing.B) {
			_, whole := behindNginx(b, framework, entry[framework])
			_, bare := behindNginx(b, framework, "minimal:app")
			compare(b, whole.base, bare.base)
		})
	}
}

// TestManyConnections asks by ten times the connections of the benchmarks: not one request may be lost.
func TestManyConnections(t *testing.T) {
	t.Parallel()
	_, c := behindNginx(t, "flask", entry["flask"])
	var group sync.WaitGroup
	for range 160 {
		group.Go(func() {
			// Not by http.Client, which sends again what was lost
			connection, err := c.dial()
			if err != nil {
				t.Error(err)
				return
			}
			defer connection.Close()
			connection.SetDeadline(time.Now().Add(time.Minute))
			reader := bufio.NewReader(connection)
			for range 50 {
				if _, err := io.WriteString(connection, "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
					t.Error(err)
					return
				}
				response, err := http.ReadResponse(reader, nil)
				if err != nil {
					t.Error(err)
					return
				}
				if a, err := read(response); err != nil || a.status != http.StatusOK {
					t.Errorf("%d %.300s: %v", a.status, a.body, err)
				}
			}
		})
	}
	group.Wait()
}

// behindNginx starts an application of a generated repository, or the minimal one in its place, behind the nginx of the
// repository. That lets one address have more connections than it would.
func behindNginx(t testing.TB, framework, application string) (*repository, *client) {
	t.Helper()
	project := fmt.Sprintf("e2e%d-proxied-%d", os.Getpid(), time.Now().UnixNano())
	r := generateWith(t, "pip", "--framework", framework, "--database", "sqlite", "--name", project, "--package", "shop")
	r.leavesNothing(project)
	r.rewrite("deploy/nginx/nginx.conf", "limit_conn clients 50;", "limit_conn clients 500;")
	if application != entry[framework] {
		// For all to read: in the image it is root's
		if err := os.WriteFile(r.path("minimal.py"), []byte(minimal[framework]), 0o644); err != nil {
			t.Fatal(err)
		}
		r.rewrite("Dockerfile", entry[framework], application)
	}
	c := r.plainSite()
	r.up()
	return r, c
}

// compare loads two services in turns, and reports how the first one does, also in relation to the second one, the minimal.
func compare(b *testing.B, whole, bare string) {
	b.Helper()
	var rates, delays [2]float64
	for b.Loop() {
		for i, base := range []string{whole, bare} {
			rate, delay := load(b, base+"/livez", 3*time.Second)
			rates[i] += rate
			delays[i] += delay
		}
	}
	n := float64(b.N)
	b.ReportMetric(rates[0]/n, "requests/s")
	b.ReportMetric(rates[1]/n, "requests/s-minimal")
	b.ReportMetric(rates[0]/rates[1], "of-minimal")
	b.ReportMetric(1000*delays[0]/n, "ms-p99")
	b.ReportMetric(1000*delays[1]/n, "ms-p99-minimal")
	b.ReportMetric(delays[0]/delays[1], "p99-of-minimal")
	b.ReportMetric(0, "ns/op") // the duration of the load, which says nothing
}

// forProduction is a repository that is installed and configured as on a server.
func forProduction(b *testing.B, flags ...string) *repository {
	b.Helper()
	r := generateWith(b, "pip", flags...)
	r.make("setup")
	r.configure("ENVIRONMENT", "production")
	r.make("migrate")
	return r
}

// load asks by 16 connections, and returns the requests per second and the seconds within which 99 of 100 were answered.
func load(b *testing.B, url string, duration time.Duration) (rate, delay float64) {
	b.Helper()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	defer client.CloseIdleConnections()
	var mutex sync.Mutex
	var all []float64
	var group sync.WaitGroup
	end := time.Now().Add(duration)
	for range 16 {
		group.Go(func() {
			var delays []float64
			for time.Now().Before(end) {
				start := time.Now()
				response, err := client.Get(url)
				if err != nil {
					b.Error(err)
					return
				}
				io.Copy(io.Discard, response.Body)
				response.Body.Close()
				if response.StatusCode != http.StatusOK {
					b.Errorf("%s: %s", url, response.Status)
					return
				}
				delays = append(delays, time.Since(start).Seconds())
			}
			mutex.Lock()
			defer mutex.Unlock()
			all = append(all, delays...)
		})
	}
	group.Wait()
	if len(all) == 0 {
		b.Fatal("nothing was answered")
	}
	slices.Sort(all)
	return float64(len(all)) / duration.Seconds(), all[len(all)*99/100]
}
