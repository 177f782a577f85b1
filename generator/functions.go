package generator

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"text/template"

	"github.com/Masterminds/sprig/v3"
)

// fromSprig are the functions of sprig that templates may call: pure ones, which change nothing that they are given. No clock,
// randomness, environment or hidden hole. docs/layers.md lists them.
var fromSprig = []string{
	"add", "append", "concat", "contains", "default", "dict", "first", "has", "hasKey", "hasPrefix", "hasSuffix", "indent", "join",
	"last", "list", "lower", "max", "min", "mul", "prepend", "quote", "repeat", "replace", "rest", "splitList", "sub", "ternary",
	"title", "toJson", "trim", "trimPrefix", "trimSuffix", "uniq", "upper", "without", "wrap",
}

// pure are the functions that depend on nothing but their arguments; built once.
var pure = sync.OnceValue(func() template.FuncMap {
	all := sprig.GenericFuncMap()
	result := template.FuncMap{
		"at": at, "where": where, "expand": expand, "pystring": pystring, "yamlstring": yamlstring, "tomlstring": tomlstring,
		"index": func(...any) (any, error) { return nil, errors.New("index hides holes: use at") },
	}
	for _, name := range fromSprig {
		result[name] = all[name]
	}
	return result
})

func functions(options Options) template.FuncMap {
	result := maps.Clone(pure())
	result["version"] = func(distribution string) (string, error) {
		if options.Version != nil {
			if version, found := options.Version(distribution); found {
				return version, nil
			}
		}
		return "", fmt.Errorf("no package %q is locked", distribution)
	}
	result["requirement"] = func(bare string) (string, error) {
		if options.Requirement == nil {
			return bare, nil
		}
		return options.Requirement(bare)
	}
	return result
}

// expandText executes a string of a layer.yaml that holds a directive, with the facts that are resolved so far.
func (p *Plan) expandText(text string) (string, error) {
	if !strings.Contains(text, "<%") {
		return text, nil
	}
	tree, err := parseAlone("value", text, p.callable)
	if err != nil {
		return "", err
	}
	parsed, err := p.values.AddParseTree(tree.Name, tree)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	err = parsed.Execute(&out, p.data)
	return out.String(), located(err)
}

// at returns the value at a key that must exist.
func at(m map[string]any, key string) (any, error) {
	value, found := m[key]
	if !found {
		return nil, fmt.Errorf("no key %q; there are %s", key, strings.Join(slices.Sorted(maps.Keys(m)), ", "))
	}
	return value, nil
}

// where returns the items whose key has the value; "!" before the key turns it round. Of several values, the items of each
// follow one another.
func where(list []any, key string, value any) ([]any, error) {
	if values, several := value.([]any); several {
		result := []any{}
		for _, value := range values {
			items, err := where(list, key, value)
			if err != nil {
				return nil, err
			}
			result = append(result, items...)
		}
		return result, nil
	}
	key, wanted := strings.TrimPrefix(key, "!"), !strings.HasPrefix(key, "!")
	result := []any{}
	for _, item := range list {
		fields, is := item.(map[string]any)
		if !is {
			return nil, fmt.Errorf("where: %v is no mapping", item)
		}
		actual, err := at(fields, key)
		if err != nil {
			return nil, fmt.Errorf("where: %w", err)
		}
		if (fmt.Sprint(actual) == fmt.Sprint(value)) == wanted {
			result = append(result, item)
		}
	}
	return result, nil
}

var reference = regexp.MustCompile(`\{([A-Za-z][A-Za-z0-9_-]*)\}`)

// expand writes out the references of a raw value: {UPPER_CASE} is a setting, {lower-case} a service.
func expand(value, setting, service string) string {
	return reference.ReplaceAllStringFunc(value, func(match string) string {
		name, format := match[1:len(match)-1], service
		if name == strings.ToUpper(name) {
			format = setting
		}
		return strings.ReplaceAll(format, "%s", name)
	})
}

// pystring writes a Python string literal as ruff formats it.
func pystring(s string) string {
	quoted := strconv.Quote(s)
	if strings.Contains(s, `"`) && !strings.Contains(s, "'") {
		return "'" + strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`) + "'"
	}
	return quoted
}

var plainYAML = regexp.MustCompile(`^[A-Za-z_/][A-Za-z0-9_./-]*( [A-Za-z0-9_./-]+)*$`)

// yamlstring writes a scalar that YAML reads as this string and nothing else.
func yamlstring(s string) string {
	switch strings.ToLower(s) {
	case "true", "false", "yes", "no", "on", "off", "null", "y", "n":
		return strconv.Quote(s)
	}
	if plainYAML.MatchString(s) {
		return s
	}
	return strconv.Quote(s)
}

func tomlstring(s string) string { return strconv.Quote(s) }

// secret returns 43 characters from the system's source of randomness. It fails in files that are recorded.
func (r *renderer) secret() (string, error) {
	if r.policy != Secret {
		return "", errors.New("secret: only a file of policy secret may hold one")
	}
	random := make([]byte, 32)
	if _, err := rand.Read(random); err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(random), nil
}
