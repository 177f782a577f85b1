package main

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/kitout/kitout/generator"
	"github.com/kitout/kitout/templates"
)

// caddy is a layer as CONTRIBUTING.md describes one: a folder, and no Go code.
var caddy = map[string]string{
	"proxy/caddy/layer.yaml": "title: Caddy\nhelp: TLS by itself.\nsections: [4, 7]\nincludes: [rollout]\nfacts:\n  hops: 1\n  image: caddy\n  account: 65532\n  read_timeout: 35\n  guard: \"\"\n" +
		"  hand_over: APPLICATION=$1 caddy reload --config /etc/caddy/Caddyfile\n  hand_back: caddy reload --config /etc/caddy/Caddyfile\n",
	"proxy/caddy/files/deploy/caddy/Caddyfile.tmpl": "<% .domain | default `:8080` %> {\n\treverse_proxy {$APPLICATION:app}:8000\n}\n",
	"proxy/caddy/slots/compose.services.tmpl": "proxy:\n  <<: *hardened\n  image: <% .image %>-proxy\n" +
		"  build: {context: ., target: proxy}\n  networks: [edge]\n",
	"proxy/caddy/slots/compose.development_services": "proxy:\n  profiles: [proxy]\n",
	"proxy/caddy/slots/image.stages":                 "FROM caddy:2 AS proxy\nCOPY deploy/caddy/ /etc/caddy/\n",
	"proxy/caddy/slots/production.serving.tmpl":      "Caddy (`deploy/caddy/`) waits <% .proxy.read_timeout %> seconds.\n",
	"proxy/caddy/slots/readme.layout":                "- `deploy/caddy/`: the proxy\n",
}

// TestProxyIsOneFolder adds a proxy by its folder alone, and expects whole repositories with it, beside every framework, with
// and without a domain, and no trace of another proxy.
func TestProxyIsOneFolder(t *testing.T) {
	layers := fstest.MapFS{}
	must(t, fs.WalkDir(templates.FS, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(templates.FS, name)
		layers[name] = &fstest.MapFile{Data: data, Mode: 0o444}
		return err
	}))
	for name, text := range caddy {
		layers[name] = &fstest.MapFile{Data: []byte(text), Mode: 0o444}
	}
	catalog, err := generator.LoadCatalog(layers)
	must(t, err)
	look := newInspector()
	for _, framework := range catalog.Question("framework").Choices {
		for _, domain := range []string{"", "shop.example.com"} {
			combination := "framework=" + framework + " domain=" + domain
			answers, err := catalog.Resolve("shop", nil, generator.Given{Origin: "%s", Values: map[string][]string{
				"proxy": {"caddy"}, "framework": {framework}, "domain": {domain},
			}})
			must(t, err)
			plan, err := catalog.NewPlan(answers, testOptions(t))
			must(t, err)
			changes, err := plan.Build(nil)
			must(t, err)
			texts := map[string]string{}
			for _, change := range changes {
				look.file(combination, answers, change)
				texts[change.Path] = string(change.Content)
			}
			for file, part := range map[string]string{
				"deploy/caddy/Caddyfile": "reverse_proxy {$APPLICATION:app}:8000", "Dockerfile": "FROM caddy:2 AS proxy", "compose.yaml": "image: shop-proxy",
				"compose.dev.yaml": "profiles: [proxy]", "README.md": "deploy/caddy/", "docs/production.md": "waits 35 seconds",
			} {
				if !strings.Contains(texts[file], part) {
					t.Errorf("%s: %s lacks %q", combination, file, part)
				}
			}
		}
	}
	look.report(t)
}
