package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestClusterOfMoments has an archive follow a service on a real node, which it does after its pod has gone, too, lets the
// weekly drills rebuild what it has, and brings a deleted row back as the document says. All of it is encrypted.
func TestClusterOfMoments(t *testing.T) {
	if !thorough {
		t.Skip("a real cluster is for make e2e-all")
	}
	c := newCluster(t, "--backup", "continuous")
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(tail(c.kubectl("describe", "pods", "--selector", "app.kubernetes.io/component=archive") + "\n" + c.kubectl("logs", "deployment/shop-archive")))
		}
	})
	key := filepath.Join(t.TempDir(), "key")
	c.run("age-keygen", "--output", key)
	for _, name := range []string{"archive", "backup"} {
		file := c.path("deploy/kubernetes/base/" + name + ".yaml")
		writeFile(t, file, strings.ReplaceAll(readFile(t, file), `AGE_RECIPIENT, value: ""`, "AGE_RECIPIENT, value: "+publicKey.FindString(readFile(t, key))))
	}
	c.kubectl("create", "secret", "generic", "shop-recovery", "--from-file", "AGE_IDENTITY="+key)
	c.release("LABEL of=good\n")
	c.deploys()
	c.service = "http://" + c.address()
	site := newClient(t, "http://shop", c.address(), &http.Transport{})
	adds := func(title string) {
		site.expect("create", site.postJSON("/api/notes", fmt.Sprintf(`{"title": %q}`, title)), 201)
	}
	a := &archived{recovery: &recovery{repository: c.repository}}
	a.scripts = func(arguments ...string) (string, error) {
		return c.try("kubectl", append([]string{"--namespace", "shop-production", "exec", "deployment/shop-archive", "--"}, arguments...)...)
	}
	adds("Kept")
	c.kubectl("wait", "--for", "condition=Available", "--timeout", "3m", "deployment/shop-archive")
	a.follows(time.Now())
	generation := a.live()

	// As when its node is drained
	c.kubectl("delete", "pod", "--selector", "app.kubernetes.io/component=archive")
	adds("Written meanwhile")
	a.follows(time.Now())
	if now := a.live(); now != generation {
		t.Errorf("after a restart the archive is of %s, and was of %s", now, generation)
	}
	if said := c.kubectl("logs", "deployment/shop-archive"); strings.Contains(said, "gap") {
		t.Errorf("after a restart the archive says\n%s", said)
	}

	c.runsJob("backup", " rows, ")
	c.runsJob("drill", "drill passed: every one of ")
	c.runsJob("moments", "drill passed: the archive reaches to ", "public.notes\t2\n")
	c.keepsRules()

	kept := site.titles()
	a.follows(time.Now())
	moment := nextSecond().Format(momentForm)
	nextSecond()
	c.psql("DELETE FROM notes")
	a.follows(time.Now())
	document := readFile(t, c.path("docs/production.md"))
	config := filepath.Join(t.TempDir(), "config")
	writeFile(t, config, readFile(t, filepath.Join(c.home, "kubeconfig")))
	admin := c.with("KUBECONFIG=" + config)
	admin.does(inline(document, "kubectl config set-context --current --namespace shop-production"))
	admin.does(admin.steps("### The data is lost or wrong")[0])
	admin.does(admin.withKey(admin.steps("**Rows were deleted by mistake**")[0], key), "moment="+moment)
	c.hidesKey()
	admin.does(inline(document, "kubectl delete job/shop-restoring"))
	c.deploys()
	admin.does(inline(document, "kubectl scale deployment/shop --replicas 2"))
	if err := await(func() error { return c.ask("/readyz") }); err != nil {
		t.Fatal(err)
	}
	site.holds("deleted rows", kept)
	a.awaits("the archive has a copy since the restore", "bash", "-c", archiveWhole)
}

// live are the generations that the archive has written.
func (a *archived) live() string {
	a.t.Helper()
	said, err := a.scripts("ls", "backups/archive/live")
	if err != nil {
		a.t.Fatalf("%v\n%s", err, said)
	}
	return said
}

// runsJob runs a CronJob once, which must succeed and say so.
func (c *cluster) runsJob(name string, words ...string) {
	c.t.Helper()
	start := time.Now()
	job := "job/once-" + name
	c.kubectl("create", "job", "once-"+name, "--from", "cronjob/shop-"+name)
	c.kubectl("wait", "--for", "jsonpath={.status.conditions[0].status}=True", "--timeout", "5m", job)
	said := c.kubectl("logs", job)
	c.t.Logf("%5.1f s  %s: %s", time.Since(start).Seconds(), name, lastLine(said))
	if succeeded := c.kubectl("get", job, "--output", "jsonpath={.status.succeeded}"); succeeded != "1" {
		c.t.Errorf("%s failed:\n%s", name, tail(said))
	}
	for _, word := range words {
		if !strings.Contains(said, word) {
			c.t.Errorf("%s does not say %q:\n%s", name, word, tail(said))
		}
	}
}

// hidesKey looks for the private key in what the cluster tells and logs.
func (c *cluster) hidesKey() {
	c.t.Helper()
	told := c.kubectl("get", "pods,jobs,cronjobs,deployments,configmaps,events", "--output", "yaml") + c.kubectl("logs", "job/shop-restoring")
	for _, name := range []string{"apiserver", "kubelet", "containerd"} {
		told += readFile(c.t, filepath.Join(c.home, name+".log"))
	}
	if !strings.Contains(told, "shop-restoring") || privateKey.MatchString(told) {
		c.t.Error("the cluster tells the key, or nothing at all")
	}
}

// networkPolicy is what a NetworkPolicy says of pods that speak with others.
type networkPolicy struct {
	Spec struct {
		PodSelector struct {
			MatchLabels      map[string]string
			MatchExpressions []struct {
				Key, Operator string
				Values        []string
			}
		}
		PolicyTypes []string
		Egress      []struct {
			To []struct {
				IPBlock *struct{ CIDR netip.Prefix }
			}
			Ports []struct{ Port uint16 }
		}
	}
}

// networkRules are the policies for the pods of each component.
type networkRules map[string][]networkPolicy

// networkRules are as the API server has them, which says which pods each is for.
func (c *cluster) networkRules() networkRules {
	c.t.Helper()
	var policies struct{ Items []networkPolicy }
	if err := json.Unmarshal([]byte(c.kubectl("get", "networkpolicies", "--output", "json")), &policies); err != nil {
		c.t.Fatal(err)
	}
	rules := networkRules{}
	for _, policy := range policies.Items {
		var selector []string
		for key, value := range policy.Spec.PodSelector.MatchLabels {
			selector = append(selector, key+"="+value)
		}
		for _, expression := range policy.Spec.PodSelector.MatchExpressions {
			selector = append(selector, expression.Key+" "+strings.ToLower(expression.Operator)+" ("+strings.Join(expression.Values, ",")+")")
		}
		for _, component := range strings.Fields(c.kubectl("get", "pods", "--selector", strings.Join(selector, ","),
			"--output", `jsonpath={.items[*].metadata.labels.app\.kubernetes\.io/component}`)) {
			rules[component] = append(rules[component], policy)
		}
	}
	return rules
}

// closed is whether nothing is allowed but what a policy names.
func (r networkRules) closed(component string) bool {
	return slices.ContainsFunc(r[component], func(policy networkPolicy) bool {
		return len(policy.Spec.PolicyTypes) == 2 && len(policy.Spec.Egress) == 0
	})
}

// letsOut is whether a policy names an address and its port.
func (r networkRules) letsOut(component string, to netip.AddrPort) bool {
	for _, policy := range r[component] {
		for _, rule := range policy.Spec.Egress {
			there := len(rule.To) == 0
			for _, place := range rule.To {
				there = there || place.IPBlock != nil && place.IPBlock.CIDR.Contains(to.Addr())
			}
			by := len(rule.Ports) == 0
			for _, port := range rule.Ports {
				by = by || port.Port == to.Port()
			}
			if there && by {
				return true
			}
		}
	}
	return false
}

// keepsRules holds the rules of the network against what each pod needs, and against what the archive's does: the node's
// network plugin does not.
func (c *cluster) keepsRules() {
	c.t.Helper()
	rules := c.networkRules()
	store := netip.MustParseAddrPort("203.0.113.1:443")
	for component, stores := range map[string]bool{"web": false, "migrate": false, "moments": false, "backup": true, "drill": true, "archive": true} {
		if !rules.closed(component) || !rules.letsOut(component, c.databaseAt) || rules.letsOut(component, store) != stores {
			c.t.Errorf("the pod %s: closed at first %t, is let to the database %t, to a store %t", component, rules.closed(component),
				rules.letsOut(component, c.databaseAt), rules.letsOut(component, store))
		}
	}
	spoken := c.speaksWith("deployment/shop-archive")
	for _, to := range spoken {
		if !rules.letsOut("archive", to) {
			c.t.Errorf("the archive speaks with %s, and is not let there", to)
		}
	}
	if !slices.Contains(spoken, c.databaseAt) {
		c.t.Errorf("the archive speaks with %s, of which none is the database", spoken)
	}
}

// speaksWith are the ends of a pod's connections, as its kernel lists them.
func (c *cluster) speaksWith(pod string) (ends []netip.AddrPort) {
	c.t.Helper()
	const established = "01"
	for _, line := range regexp.MustCompile(`(?m)^ *\d+: \S+ (\w{8}):(\w{4}) `+established+` `).FindAllStringSubmatch(c.kubectl("exec", pod, "--", "cat", "/proc/net/tcp"), -1) {
		address, _ := strconv.ParseUint(line[1], 16, 32)
		port, _ := strconv.ParseUint(line[2], 16, 16)
		ends = append(ends, netip.AddrPortFrom(netip.AddrFrom4([4]byte{byte(address), byte(address >> 8), byte(address >> 16), byte(address >> 24)}), uint16(port)))
	}
	return ends
}
