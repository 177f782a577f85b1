package check

import (
	"path"
	"slices"
	"strings"

	"github.com/kitout/kitout/generator/internal/document"
)

// workload is one object of Kubernetes.
type workload struct {
	Path string
	Kind string
	Name string
	document.Value
}

// podPaths say where an object of a kind has its pods.
var podPaths = map[string][]string{
	"Pod": {"spec"}, "Deployment": {"spec", "template", "spec"}, "StatefulSet": {"spec", "template", "spec"}, "DaemonSet": {"spec", "template", "spec"},
	"Job": {"spec", "template", "spec"}, "CronJob": {"spec", "jobTemplate", "spec", "template", "spec"},
}

func (r *repository) readWorkloads() (workloads []workload) {
	for _, name := range r.glob("*.y{,a}ml") {
		data, _ := r.tree.Text(name)
		text := string(data)
		if !strings.Contains(text, "apiVersion:") || !strings.Contains(text, "kind:") || forDevelopment(name) {
			continue
		}
		for _, each := range document.Parse(data) {
			kind := each.Get("kind").Text()
			if kind == "" || !each.Get("apiVersion").There() {
				continue
			}
			workloads = append(workloads, workload{name, kind, each.Get("metadata", "name").Text(), each})
		}
	}
	return workloads
}

func hasWorkloads(r *repository) bool { return len(r.pods()) > 0 }

// pods are the objects that run containers. Patches, which have no containers with an image, are none.
func (r *repository) pods() (pods []workload) {
	for _, workload := range r.workloads() {
		containers := workload.pod().Get("containers").Items()
		if slices.ContainsFunc(containers, func(c document.Value) bool { return c.Get("image").There() }) {
			pods = append(pods, workload)
		}
	}
	return pods
}

// serving are the pods that stay.
func (r *repository) serving() (pods []workload) {
	for _, workload := range r.pods() {
		if workload.Kind == "Deployment" || workload.Kind == "StatefulSet" {
			pods = append(pods, workload)
		}
	}
	return pods
}

func hasServing(r *repository) bool { return len(r.serving()) > 0 }

func (w workload) pod() document.Value {
	keys, known := podPaths[w.Kind]
	if !known {
		return document.Value{}
	}
	return w.Get(keys...)
}

func (w workload) containers() []document.Value { return w.pod().Get("containers").Items() }

// finding is one at a value of the object.
func (w workload) finding(value document.Value, message string) Finding {
	line := value.Line()
	if line == 0 {
		line = w.Line()
	}
	return Finding{Path: w.Path, Line: line, Message: w.Kind + " " + w.Name + " " + message}
}

// eachContainer returns the findings of every container of the pods.
func eachContainer(pods []workload, judge func(w workload, container document.Value) []Finding) (findings []Finding) {
	for _, pod := range pods {
		for _, container := range pod.containers() {
			findings = append(findings, judge(pod, container)...)
		}
	}
	return findings
}

// kustomized are the images to which a Kustomization gives a tag or a digest.
func (r *repository) kustomized(image string) bool {
	for _, w := range r.workloads() {
		for _, each := range w.Get("images").Items() {
			if w.Kind == "Kustomization" && each.Get("name").Text() == image {
				return true
			}
		}
	}
	return false
}

// unpinned says what is wrong with the tag of an image, or "". Variables are somebody else's to fill in.
func unpinned(image string) string {
	if image == "" || image == "scratch" || strings.Contains(image, "@sha256:") {
		return ""
	}
	_, tag, tagged := strings.Cut(path.Base(image), ":")
	switch {
	case strings.HasPrefix(tag, "$"), strings.Contains(image, "$") && !tagged:
		return ""
	case !tagged:
		return image + " has no tag, which means latest"
	case tag == "latest":
		return image + " is whatever is newest"
	}
	return ""
}
