package check

import (
	"path"
	"slices"
	"strings"

	"github.com/kitout/kitout/generator/internal/document"
	"github.com/kitout/kitout/generator/internal/shell"
)

// service is one service of a Compose file for production.
type service struct {
	Name string
	Path string
	Line int

	parts []part // an overlay for production first, then the base
}

type part struct {
	path string
	document.Value
}

// get returns a value with the file that has it.
func (s service) get(keys ...string) (document.Value, string) {
	for _, part := range s.parts {
		if value := part.Get(keys...); value.There() {
			return value, part.path
		}
	}
	return document.Value{}, s.Path
}

func (s service) value(keys ...string) document.Value {
	value, _ := s.get(keys...)
	return value
}

// finding is one at a value, or at the service where the value is missing.
func (s service) finding(message string, keys ...string) Finding {
	value, name := s.get(keys...)
	if len(keys) == 0 || !value.There() {
		return Finding{Path: s.Path, Line: s.Line, Message: s.Name + " " + message}
	}
	return Finding{Path: name, Line: value.Line(), Message: s.Name + " " + message}
}

func (r *repository) readServices() (services []service) {
	folders := map[string][]string{}
	var order []string
	for _, name := range r.glob("{compose,docker-compose}.y{,a}ml", "{compose,docker-compose}{.,-,_}*.y{,a}ml", "{prod,production}.y{,a}ml") {
		if forDevelopment(name) {
			continue
		}
		folder := path.Dir(name)
		if folders[folder] == nil {
			order = append(order, folder)
		}
		folders[folder] = append(folders[folder], name)
	}
	for _, folder := range order {
		services = append(services, r.readFolder(folders[folder])...)
	}
	return services
}

// readFolder joins the Compose files of a folder: the one for production stands alone if its services are whole, or else on the others.
func (r *repository) readFolder(names []string) (services []service) {
	slices.SortStableFunc(names, func(a, b string) int { return rank(a) - rank(b) })
	index := map[string]int{}
	for _, name := range names {
		documents := document.Parse([]byte(r.text(name)))
		if len(documents) == 0 || !documents[0].Get("services").Map() {
			continue
		}
		if len(services) > 0 && !slices.ContainsFunc(services, func(s service) bool { return !s.whole() }) {
			break
		}
		for _, pair := range documents[0].Get("services").Pairs() {
			i, known := index[pair.Key]
			if !known {
				i = len(services)
				index[pair.Key] = i
				services = append(services, service{Name: pair.Key, Path: name, Line: pair.Line})
			}
			services[i].parts = append(services[i].parts, part{name, pair.Value})
		}
	}
	return slices.DeleteFunc(services, func(s service) bool { return !s.whole() || s.tool() })
}

func rank(name string) int {
	if forProduction(name) {
		return 0
	}
	return 1
}

// whole reports whether a service can run, and is not only the change of another file's.
func (s service) whole() bool {
	return s.value("image").There() || s.value("build").There() || s.value("extends").There()
}

// tool reports whether a service only runs when a person asks for it.
func (s service) tool() bool { return s.value("profiles").There() }

func hasServices(r *repository) bool { return len(r.services()) > 0 }

// each returns the findings of every service.
func (r *repository) eachService(judge func(service) []Finding) (findings []Finding) {
	for _, service := range r.services() {
		findings = append(findings, judge(service)...)
	}
	return findings
}

// image is the name of the service's image, with the defaults of variables filled in.
func (s service) image() string { return defaults(s.value("image").Text()) }

// defaults replaces ${NAME:-default} and ${NAME-default}; other variables stay.
func defaults(text string) string {
	for {
		start := strings.Index(text, "${")
		if start < 0 {
			return text
		}
		end := strings.Index(text[start:], "}")
		if end < 0 {
			return text
		}
		name, value, found := strings.Cut(text[start+2:start+end], "-")
		if !found || strings.ContainsAny(name, "?+") {
			value = "$" + strings.Trim(text[start+2:start+end], ":?")
		}
		text = text[:start] + value + text[start+end+1:]
	}
}

// databasePorts are the ports by which a database or a store is known when the image's name says nothing.
var databasePorts = map[string]bool{"5432": true, "3306": true, "6379": true, "27017": true, "1433": true, "9200": true, "11211": true, "5672": true}

// databaseImages are the names of images that keep data.
var databaseImages = []string{
	"postgres", "postgis", "timescaledb", "pgvector", "mysql", "mariadb", "percona", "redis", "valkey", "mongo", "memcached", "elasticsearch",
	"opensearch", "rabbitmq", "mssql", "oracle", "cassandra", "influxdb",
}

// isStore reports whether a service is a database or the like.
func (s service) isStore() bool {
	name, _, _ := strings.Cut(path.Base(s.image()), ":")
	name, _, _ = strings.Cut(name, "@")
	return slices.ContainsFunc(databaseImages, func(known string) bool { return name == known || strings.HasPrefix(name, known+"-") }) ||
		name == "server" && strings.Contains(s.image(), "mssql")
}

// port is one published port.
type port struct {
	Address, Published, Target string
	document.Value
}

// everywhere reports whether anybody who reaches the machine reaches the port.
func (p port) everywhere() bool {
	return p.Published != "" && p.Address != "127.0.0.1" && p.Address != "[::1]" && p.Address != "::1" && p.Address != "localhost"
}

func (s service) ports() (ports []port) {
	for _, item := range s.value("ports").Items() {
		if item.Map() {
			ports = append(ports, port{defaults(item.Get("host_ip").Text()), defaults(item.Get("published").Text()), item.Get("target").Text(), item})
			continue
		}
		parts := splitPort(strings.Split(defaults(item.Text()), "/")[0])
		p := port{Value: item, Target: parts[len(parts)-1], Published: "any"}
		if len(parts) > 1 {
			p.Published = parts[len(parts)-2]
		}
		if len(parts) > 2 {
			p.Address = strings.Join(parts[:len(parts)-2], ":")
		}
		ports = append(ports, p)
	}
	return ports
}

// splitPort splits ADDRESS:PORT:PORT, where the address may be one of IPv6 in brackets.
func splitPort(text string) []string {
	if end := strings.Index(text, "]:"); end > 0 {
		return append([]string{text[:end+1]}, strings.Split(text[end+2:], ":")...)
	}
	return strings.Split(text, ":")
}

// variable is one environment variable.
type variable struct {
	Name, Value string
	Line        int
	Path        string
}

// environment are the variables that a service is given in the file.
func (s service) environment() (variables []variable) {
	value, name := s.get("environment")
	if value.Map() {
		for _, pair := range value.Pairs() {
			variables = append(variables, variable{pair.Key, pair.Value.Text(), pair.Line, name})
		}
		return variables
	}
	for _, item := range value.Items() {
		key, text, _ := strings.Cut(item.Text(), "=")
		variables = append(variables, variable{key, text, item.Line(), name})
	}
	return variables
}

// commands are what a service starts, where the file says so.
func (s service) commands() (commands []shell.Command) {
	for _, key := range []string{"entrypoint", "command"} {
		value := s.value(key)
		switch {
		case value.List():
			commands = append(commands, execCommands(value.Words(), value.Line())...)
		case value.There():
			script := shell.Parse(value.Text())
			for _, command := range script.Commands {
				command.Line += value.TextLine() - 1
				commands = append(commands, command)
			}
		}
	}
	return commands
}

// isApplication reports whether the repository builds the service.
func (s service) isApplication() bool { return s.value("build").There() }

// oneShot reports whether a service ends when its work is done.
func (s service) oneShot() bool {
	restart := s.value("restart").Text()
	return restart == "no" || restart == "on-failure" || strings.HasPrefix(restart, "on-failure:")
}
