package e2e

import (
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// minimal are applications of each framework that answer one path and do nothing besides: what the generated ones are
// measured against.
var minimal = map[string]string{
	"django": `from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import JsonResponse
from django.urls import path

settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="of no use here", MIDDLEWARE=[])
urlpatterns = [path("livez", lambda request: JsonResponse({"status": "ok"}))]
app = get_wsgi_application()
`,
	"flask": `from flask import Flask

app = Flask(__name__)


@app.get("/livez")
def live():
    return {"status": "ok"}
`,
	"fastapi": `from fastapi import FastAPI

app = FastAPI()


@app.get("/livez")
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
				bare := r.serve("/livez")
				var rates, delays [2]float64
				for b.Loop() {
					for i, s := range []*service{whole, bare} {
						rate, delay := s.load(b, 3*time.Second)
						rates[i] += rate
						delays[i] += delay
					}
				}
				b.ReportMetric(rates[0]/float64(b.N), "requests/s")
				b.ReportMetric(rates[0]/rates[1], "of-minimal")
				b.ReportMetric(delays[0]/delays[1], "p99-of-minimal")
			})
		}
	}
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
func (s *service) load(b *testing.B, duration time.Duration) (rate, delay float64) {
	b.Helper()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	defer client.CloseIdleConnections()
	url := "http://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) + "/livez"
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
