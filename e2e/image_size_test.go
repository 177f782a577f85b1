package e2e

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// pythonImage is what the image of the application is built on.
const pythonImage = "python:3.14-slim"

// BenchmarkImage measures the image of the application: its size, what that is above the base image's, and how long a build
// takes from nothing, the packages' download included, and again after a change of one Python file.
func BenchmarkImage(b *testing.B) {
	for _, framework := range []string{"django", "fastapi"} {
		b.Run(framework, func(b *testing.B) {
			image := fmt.Sprintf("e2e%d-size-%s", os.Getpid(), framework)
			r := generate(b, "--framework", framework, "--database", "postgres", "--package", "shop")
			code := readFile(b, r.path("shop/hooks.py"))
			var cold, warm time.Duration
			var size float64
			for b.Loop() {
				// Nothing of an earlier build: neither a layer nor a folder that builds share
				fresh := fmt.Sprintf("BUILDKIT_CACHE_MOUNT_NS=%s-%d", image, time.Now().UnixNano())
				cold += r.builds(image, "--no-cache", "--build-arg", fresh)
				r.run("docker", "image", "rm", image)
				writeFile(b, r.path("shop/hooks.py"), fmt.Sprintf("%s# %d\n", code, time.Now().UnixNano()))
				warm += r.builds(image, "--build-arg", fresh)
				size = r.imageMegabytes(image)
				r.run("docker", "image", "rm", image)
			}
			b.ReportMetric(size, "MB")
			b.ReportMetric(size-r.imageMegabytes(pythonImage), "MB-above-base")
			b.ReportMetric(cold.Seconds()/float64(b.N), "s-cold")
			b.ReportMetric(warm.Seconds()/float64(b.N), "s-warm")
			b.ReportMetric(0, "ns/op") // both builds together, which says nothing
		})
	}
}

// builds builds the image of the application, and returns how long it took.
func (r *repository) builds(image string, options ...string) time.Duration {
	r.t.Helper()
	start := time.Now()
	r.run("docker", append(append([]string{"build", "--quiet", "--tag", image}, options...), ".")...)
	return time.Since(start)
}

// imageMegabytes is the size of an image, unpacked, in millions of bytes.
func (r *repository) imageMegabytes(image string) float64 {
	r.t.Helper()
	size := strings.TrimSpace(r.run("docker", "image", "inspect", "--format", "{{.Size}}", image))
	bytes, err := strconv.ParseFloat(size, 64)
	if err != nil {
		r.t.Fatal(err)
	}
	return bytes / 1e6
}
