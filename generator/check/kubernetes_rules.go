package check

import (
	"slices"

	"github.com/kitout/kitout/generator/internal/document"
)

func kubernetesRules() []Rule {
	return []Rule{
		{
			ID: "kubernetes-probes", Severity: Error, Title: "Kubernetes asks whether a pod is ready and lives",
			Why: "Without readiness, pods get requests before they can answer; without liveness, one that hangs stays.",
			Fix: "readinessProbe on /readyz, livenessProbe on /livez", Add: "deploy=kubernetes",
			when: hasServing, find: probes,
		},
		{
			ID: "kubernetes-resources", Severity: Error, Title: "Pods state what they need, and have a limit of memory",
			Why:  "The scheduler packs them blindly, and one that leaks takes its node down.",
			Fix:  "resources.requests for cpu and memory, resources.limits.memory",
			when: hasWorkloads, find: podResources,
		},
		{
			ID: "kubernetes-security-context", Severity: Error, Title: "Pods run without root and without extra rights",
			Why:  "A flaw in the application is otherwise root in the container.",
			Fix:  "runAsNonRoot: true, allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}",
			when: hasWorkloads, find: securityContexts,
		},
		{
			ID: "kubernetes-image-tag", Severity: Warning, Title: "Images have a version or a digest",
			Why:  "Two pods of one Deployment may run different code, and there is nothing to roll back to.",
			Fix:  "a tag by commit or, better, a digest",
			when: hasWorkloads,
			find: func(r *repository) []Finding {
				return eachContainer(r.pods(), func(w workload, c document.Value) []Finding {
					image := c.Get("image")
					if problem := unpinned(image.Text()); problem != "" && !r.kustomized(image.Text()) {
						return []Finding{w.finding(image, "has no version: "+problem)}
					}
					return nil
				})
			},
		},
		{
			ID: "kubernetes-disruption-budget", Severity: Warning, Title: "A drained node does not take all replicas along",
			Why:  "An upgrade of the cluster evicts every pod at once.",
			Fix:  "a PodDisruptionBudget with maxUnavailable: 1",
			when: hasServing,
			find: func(r *repository) []Finding {
				budget := slices.ContainsFunc(r.workloads(), func(w workload) bool { return w.Kind == "PodDisruptionBudget" })
				return unless(budget, "there is no PodDisruptionBudget")
			},
		},
		{
			ID: "kubernetes-secret", Severity: Error, Title: "No Secret is committed",
			Why: "Base64 is no encryption: who reads the repository reads it.",
			Fix: "create it in the cluster, or keep it sealed or in a secret manager", Add: "secrets",
			when: func(r *repository) bool { return len(r.workloads()) > 0 }, find: committedSecrets,
		},
		{
			ID: "kubernetes-replicas", Severity: Note, Title: "More than one replica serves",
			Why:  "Each restart, and each node that goes, is an outage.",
			Fix:  "replicas: 2, or a HorizontalPodAutoscaler",
			when: hasServing, find: soleReplicas,
		},
		{
			ID: "kubernetes-token", Severity: Note, Title: "Pods get no token of the API server",
			Why:  "Who breaks into the application can ask the cluster with it.",
			Fix:  "automountServiceAccountToken: false",
			when: hasServing, find: mountedTokens,
		},
		{
			ID: "kubernetes-network-policy", Severity: Note, Title: "A policy says who reaches whom",
			Why:  "Without one every pod of the cluster reaches the database and the application's inner pages.",
			Fix:  "a NetworkPolicy that denies all, and one for each way that is needed",
			when: hasServing,
			find: func(r *repository) []Finding {
				policy := slices.ContainsFunc(r.workloads(), func(w workload) bool { return w.Kind == "NetworkPolicy" })
				return unless(policy, "there is no NetworkPolicy")
			},
		},
	}
}

func probes(r *repository) []Finding {
	return eachContainer(r.serving(), func(w workload, c document.Value) (findings []Finding) {
		if !c.Get("ports").There() {
			return nil // a side car
		}
		for _, probe := range []string{"readinessProbe", "livenessProbe"} {
			if !c.Get(probe).There() {
				findings = append(findings, w.finding(c, "has no "+probe))
			}
		}
		return findings
	})
}

func podResources(r *repository) []Finding {
	return eachContainer(r.pods(), func(w workload, c document.Value) []Finding {
		if c.Get("resources", "requests", "memory").There() && c.Get("resources", "limits", "memory").There() {
			return nil
		}
		return []Finding{w.finding(c, "states no request and limit of memory")}
	})
}

func securityContexts(r *repository) []Finding {
	return eachContainer(r.pods(), func(w workload, c document.Value) []Finding {
		own, pod := c.Get("securityContext"), w.pod().Get("securityContext")
		switch {
		case own.Get("privileged").True():
			return []Finding{w.finding(own.Get("privileged"), "is privileged")}
		case !own.Get("runAsNonRoot").True() && !pod.Get("runAsNonRoot").True() && !isReaderOfNode(w, own):
			return []Finding{w.finding(c, "may run as root")}
		case own.Get("allowPrivilegeEscalation").Text() != "false":
			return []Finding{w.finding(c, "may gain rights")}
		}
		return nil
	})
}

// isReaderOfNode says that a container is on each node for what is there, such as logs, which belongs to root. Without capabilities it
// is no more than the owner of those files.
func isReaderOfNode(w workload, context document.Value) bool {
	return w.Kind == "DaemonSet" && context.Get("runAsUser").Text() == "0" && slices.Contains(context.Get("capabilities", "drop").Words(), "ALL")
}

func committedSecrets(r *repository) (findings []Finding) {
	for _, w := range r.workloads() {
		if w.Kind != "Secret" || forSample(w.Path) {
			continue
		}
		for _, key := range []string{"data", "stringData"} {
			for _, pair := range w.Get(key).Pairs() {
				if text := pair.Value.Text(); isLiteral(text) {
					findings = append(findings, Finding{Path: w.Path, Line: pair.Line, Message: pair.Key + " of the Secret " + w.Name + " is committed"})
				}
			}
		}
	}
	return findings
}

func soleReplicas(r *repository) (findings []Finding) {
	for _, w := range r.workloads() {
		if w.Kind == "HorizontalPodAutoscaler" {
			return nil
		}
	}
	for _, w := range r.serving() {
		if replicas := w.Get("spec", "replicas"); w.Kind == "Deployment" && (!replicas.There() || replicas.Text() == "1") {
			findings = append(findings, w.finding(replicas, "has one replica"))
		}
	}
	return findings
}

func mountedTokens(r *repository) (findings []Finding) {
	for _, w := range r.serving() {
		if w.pod().Get("automountServiceAccountToken").Text() != "false" {
			findings = append(findings, w.finding(w.pod(), "gets a token of the API server"))
		}
	}
	return findings
}
