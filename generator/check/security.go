package check

import (
	"path"
	"slices"
	"strings"

	"github.com/kitout/kitout/generator/internal/ignore"
	"github.com/kitout/kitout/generator/internal/lazy"
	"github.com/kitout/kitout/generator/internal/python"
)

func security() []Rule {
	return slices.Concat(webRules(), codeRules())
}

func webRules() []Rule {
	return []Rule{
		{
			ID: "scanner", Severity: Warning, Title: "A scanner looks for known flaws",
			Why: "Flaws in the code and in packages become known every day, to attackers first.",
			Fix: "run Bandit, Trivy, Snyk or the like on every change", Add: "scan",
			when: hasModules,
			find: func(r *repository) []Finding { return unless(r.fact("scan") != "", "no scanner is used") },
		},
		{
			ID: "csrf", Severity: Error, Title: "Forms are protected against forgery",
			Why:  "Any page that a user visits can otherwise act in his name.",
			Fix:  "leave Django's CsrfViewMiddleware and Flask-WTF's CSRFProtect on",
			when: hasModules, looks: []look{assignments([]string{"WTF_CSRF_ENABLED", "MIDDLEWARE"}, forgeable)},
		},
		{
			ID: "csrf-exempt", Severity: Warning, Title: "No view that changes something is exempt from the protection",
			Why:  "If it goes by a cookie, any page that a user visits can call it in his name.",
			Fix:  "remove csrf_exempt, or authenticate by a header; views that only read get require_safe as well",
			when: made("framework", "django"), looks: []look{{words: []string{"csrf_exempt"}, judge: exempted}},
		},
		{
			ID: "cors", Severity: Error, Title: "Only named origins may call the API from a browser",
			Why:   "With * and credentials every site reads what the user may read.",
			Fix:   "list the origins, from the environment",
			when:  hasModules,
			looks: []look{assignments([]string{"CORS_"}, anyOrigin), calls([]string{"allow_origins", "flask_cors", "origins="}, anyOriginArgument)},
		},
		{
			ID: "cookies", Severity: Error, Title: "Cookies only travel by HTTPS, and scripts do not see them",
			Why:  "One request by plain HTTP, or one injected script, gives the session away.",
			Fix:  "SESSION_COOKIE_SECURE, CSRF_COOKIE_SECURE and SESSION_COOKIE_HTTPONLY are true in production",
			when: hasModules, looks: []look{assignments([]string{"_COOKIE_"}, looseCookie)},
		},
		{
			ID: "cookies-set", Severity: Warning, Title: "Secure cookies are turned on",
			Why:   "Django and Flask send session cookies by plain HTTP as well, unless they are told not to.",
			Fix:   "SESSION_COOKIE_SECURE = True, where HTTPS is",
			when:  all(made("framework", "django", "flask"), func(r *repository) bool { return r.says(sessions...) }),
			words: slices.Concat(sessions, secureCookies),
			find: func(r *repository) []Finding {
				return unless(r.says(secureCookies...), "SESSION_COOKIE_SECURE is not set")
			},
		},
		{
			ID: "hsts", Severity: Warning, Title: "Browsers are told to stay with HTTPS",
			Why: "The first request of each visit can otherwise be caught by plain HTTP.",
			Fix: "Strict-Transport-Security with two years, sent by HTTPS", Add: "proxy",
			when: hasModules, words: headerWords("Strict-Transport-Security", "SECURE_HSTS_SECONDS"), find: headerMissing("Strict-Transport-Security", "SECURE_HSTS_SECONDS"),
		},
		{
			ID: "header-content-type", Severity: Warning, Title: "Browsers do not guess types",
			Why: "An uploaded picture that is a script is run as one.",
			Fix: "X-Content-Type-Options: nosniff", Add: "proxy",
			when: hasModules, words: headerWords("X-Content-Type-Options", "SecurityMiddleware"), find: headerMissing("X-Content-Type-Options", "SecurityMiddleware"),
		},
		{
			ID: "header-frame", Severity: Warning, Title: "Other sites cannot frame the pages",
			Why: "A click on a page in an invisible frame does what its owner wants.",
			Fix: "X-Frame-Options: DENY, or frame-ancestors of the content security policy", Add: "proxy",
			when: hasModules, words: headerWords("X-Frame-Options", "XFrameOptionsMiddleware", "frame-ancestors"), find: headerMissing("X-Frame-Options", "XFrameOptionsMiddleware", "frame-ancestors"),
		},
		{
			ID: "header-policy", Severity: Note, Title: "A policy says what pages may load",
			Why: "It is the second wall against injected scripts.",
			Fix: "Content-Security-Policy: default-src 'self'", Add: "proxy",
			when: hasModules, words: headerWords("Content-Security-Policy", "SECURE_CSP", "CSP_DEFAULT_SRC", "CONTENT_SECURITY_POLICY"), find: headerMissing("Content-Security-Policy", "SECURE_CSP", "CSP_DEFAULT_SRC", "CONTENT_SECURITY_POLICY"),
		},
		{
			ID: "header-legacy", Severity: Note, Title: "X-XSS-Protection is not sent",
			Why:  "The filter that it turned on was a way to attack pages, and browsers have removed it.",
			Fix:  "remove it; a content security policy does what it was for",
			when: either(hasModules, hasNginx, hasApache),
			find: func(r *repository) []Finding {
				return at(r.grep(legacyHeader(), r.glob("*.conf", "*.conf.*", "*.nginx")...), "sends X-XSS-Protection")
			},
			looks: []look{{words: []string{"X-XSS-Protection", "SECURE_BROWSER_XSS_FILTER"}, judge: func(_ *repository, m *module) []Finding {
				return at(matching(legacyHeader(), m.Path, m.text), "sends X-XSS-Protection")
			}}},
		},
		{
			ID: "private-key", Severity: Error, Title: "No private key is committed",
			Why: "Whoever reads the repository is who the key says.",
			Fix: "take it out of the repository and of its history, and replace it", Add: "secrets",
			when: isService, find: privateKeys,
		},
		{
			ID: "access-token", Severity: Error, Title: "No token of a service is committed",
			Why: "Programs read every public commit within seconds, and private ones leak later.",
			Fix: "revoke it, and read the next one from the environment", Add: "secrets",
			when: isService, find: committedTokens,
			looks: []look{{words: tokenMarks, judge: func(_ *repository, m *module) []Finding {
				return at(matching(accessTokens(), m.Path, m.text), "holds a token")
			}}},
		},
	}
}

var (
	sessions      = []string{"SessionMiddleware", "import session", "flask_login", "login_required", "session[", "flask_session"}
	secureCookies = []string{"SESSION_COOKIE_SECURE", "session_cookie_secure"}
)

// tokenMarks are what tokens begin with: an expression over every file would take longer than all other rules.
var tokenMarks = []string{"AKIA", "ASIA", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "glpat-", "sk_live_", "xox", "AIza", "SG."}

// tokenFiles are the endings of files in which people write tokens, besides those of Python.
var tokenFiles = map[string]bool{
	".yml": true, ".yaml": true, ".toml": true, ".ini": true, ".cfg": true, ".sh": true, ".env": true, ".conf": true, ".tf": true, "": true,
}

var (
	legacyHeader = lazy.Regexp(`(?i)x-xss-protection|SECURE_BROWSER_XSS_FILTER`)
	accessTokens = lazy.Regexp(`\b(AKIA|ASIA)[A-Z2-7]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36}\b|\bglpat-[A-Za-z0-9_-]{20}\b|\bsk_live_[A-Za-z0-9]{16,}|\bxox[abprs]-[A-Za-z0-9-]{10,}|\bAIza[A-Za-z0-9_-]{35}\b|\bSG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}\b`)
	keyMark      = "PRIVATE KEY-----"
)

// maxSecret is the size in bytes of the largest file that is searched for secrets: a longer one was not written by a person.
const maxSecret = 64 << 10

func committedTokens(r *repository) []Finding {
	var paths []string
	for extension := range tokenFiles {
		paths = append(paths, r.index().byExtension[extension]...)
	}
	found := make([][]line, len(paths))
	parallel(len(paths), func(i int) {
		if aside(paths[i]) {
			return
		}
		text := r.text(paths[i])
		marked := len(text) <= maxSecret && slices.ContainsFunc(tokenMarks, func(mark string) bool { return strings.Contains(text, mark) })
		if marked && !r.gitIgnores(paths[i]) {
			found[i] = matching(accessTokens(), paths[i], text)
		}
	})
	return at(slices.Concat(found...), "holds a token")
}

func privateKeys(r *repository) (findings []Finding) {
	for _, name := range r.tree.Paths() {
		extension := path.Ext(name)
		if extension != ".pem" && extension != ".key" && extension != "" && extension != ".ppk" || aside(name) || r.gitIgnores(name) {
			continue
		}
		text := r.text(name)
		if len(text) > maxSecret {
			continue
		}
		if start := strings.Index(text, "-----BEGIN "); start >= 0 && strings.Contains(text[start:], keyMark) && strings.Count(text, "\n") > 3 && strings.HasPrefix(strings.TrimSpace(text), "-----BEGIN ") {
			findings = append(findings, Finding{Path: name, Line: 1 + strings.Count(text[:start], "\n"), Message: "is a private key"})
		}
	}
	return findings
}

func forgeable(r *repository, a python.Assignment) string {
	switch name := setting(a); {
	case name == "WTF_CSRF_ENABLED" && a.Value.Kind == python.Bool && a.Value.Text == "False" && !strings.Contains(strings.ToLower(a.Scope), "test"):
		return "WTF_CSRF_ENABLED is off"
	case name == "MIDDLEWARE" && a.Value.Kind == python.List && !a.Added && len(a.Value.Items) > 2 && r.is("framework", "django"):
		if !slices.ContainsFunc(a.Value.Strings(), func(text string) bool { return strings.HasSuffix(text, "CsrfViewMiddleware") }) {
			return "CsrfViewMiddleware is missing"
		}
	}
	return ""
}

// exempted finds views that take forms from everywhere, and do more than read.
func exempted(_ *repository, m *module) (findings []Finding) {
	for _, function := range m.read().Functions {
		exempt, safe := 0, false
		for _, decorator := range function.Decorators {
			switch name := decorator.Text[strings.LastIndexByte(decorator.Text, '.')+1:]; name {
			case "csrf_exempt":
				exempt = decorator.Line
			case "require_safe", "require_GET":
				safe = true
			}
		}
		if exempt > 0 && !safe {
			findings = append(findings, m.finding(exempt, function.Name+" takes forged requests"))
		}
	}
	return findings
}

const anyOriginMessage = "every site may call the API"

func anyOrigin(_ *repository, a python.Assignment) string {
	switch name := setting(a); {
	case (name == "CORS_ALLOW_ALL_ORIGINS" || name == "CORS_ORIGIN_ALLOW_ALL") && isTrue(a.Value):
		return anyOriginMessage
	case name == "CORS_ORIGINS" && slices.Contains(a.Value.Strings(), "*"):
		return anyOriginMessage
	}
	return ""
}

func anyOriginArgument(call python.Called) string {
	for _, name := range []string{"allow_origins", "origins"} {
		if value, given := call.Keyword(name); given && slices.Contains(value.Strings(), "*") {
			return anyOriginMessage
		}
	}
	if call.Text == "flask_cors.CORS" && len(call.Keywords) == 0 {
		return anyOriginMessage
	}
	return ""
}

func looseCookie(_ *repository, a python.Assignment) string {
	switch name := setting(a); name {
	case "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "SESSION_COOKIE_HTTPONLY", "REMEMBER_COOKIE_SECURE":
		scope := strings.ToLower(a.Scope)
		if a.Value.Kind == python.Bool && a.Value.Text == "False" && !strings.Contains(scope, "dev") && !strings.Contains(scope, "test") {
			return name + " is off"
		}
	}
	return ""
}

// headerWords are how Python code says that it sends a header.
func headerWords(header string, others ...string) []string {
	return append(others, header, strings.ToLower(header), "secure_headers", "secure.Secure", "Talisman", "talisman")
}

// headerMissing says that neither the application nor a proxy sends a header; words are other ways to send it.
func headerMissing(header string, words ...string) func(*repository) []Finding {
	return func(r *repository) []Finding {
		if r.says(headerWords(header, words...)...) {
			return nil
		}
		for _, c := range r.nginx() {
			for _, d := range c.find("add_header") {
				if len(d.Args) > 1 && (strings.EqualFold(d.Args[0], header) || slices.ContainsFunc(words, func(word string) bool { return strings.Contains(d.Args[1], word) })) {
					return nil
				}
			}
		}
		for _, c := range r.apache() {
			for _, d := range c.find("Header") {
				if slices.ContainsFunc(d.Args, func(arg string) bool { return strings.EqualFold(arg, header) }) {
					return nil
				}
			}
		}
		return missing("nothing sends " + header)
	}
}

func codeRules() []Rule {
	return []Rule{
		{
			ID: "unsafe-deserialization", Severity: Error, Title: "No data is unpacked that can run code",
			Why:  "pickle, marshal and yaml.load run what the data says.",
			Fix:  "JSON, or yaml.safe_load",
			when: hasModules, looks: []look{calls([]string{"pickle", "marshal", "yaml", "dill", "shelve", "joblib"}, unsafeLoads)},
		},
		{
			ID: "tls-verify", Severity: Error, Title: "Certificates of others are checked",
			Why:  "Whoever is on the way can answer instead, and read the credentials.",
			Fix:  "remove verify=False; give the authority's file where it is a private one",
			when: hasModules, looks: []look{calls([]string{"verify", "CERT_NONE", "_create_unverified_context", "ssl=False"}, unverified)},
		},
		{
			ID: "shell-injection", Severity: Error, Title: "No shell gets text that was put together",
			Why:  "A semicolon in a file's name is a command.",
			Fix:  "subprocess.run([\"program\", argument]), without a shell",
			when: hasModules, looks: []look{calls([]string{"shell=True", "os.system", "os.popen", "system("}, shellCalls)},
		},
		{
			ID: "eval", Severity: Error, Title: "No text is run as code",
			Why:  "Who gets a text into it owns the process.",
			Fix:  "ast.literal_eval for data, a table of functions for choices",
			when: hasModules,
			looks: []look{calls([]string{"eval(", "exec("}, func(call python.Called) string {
				if (call.Text == "eval" || call.Text == "exec") && len(call.Items) > 0 && !call.Items[0].Literal() {
					return call.Text + " of a text that is not written here"
				}
				return ""
			})},
		},
		{
			ID: "sql-injection", Severity: Error, Title: "Values go into SQL as parameters",
			Why:  "A quotation mark in a name ends the text, and the rest is a command.",
			Fix:  "cursor.execute(\"… WHERE id = %s\", [id])",
			when: hasModules, looks: []look{{words: []string{"execute(", ".raw(", "text("}, judge: builtSQL}},
		},
		{
			ID: "jwt-verify", Severity: Error, Title: "The signature of tokens is checked",
			Why:  "Without it everyone writes himself the token that he likes.",
			Fix:  "jwt.decode with the key and algorithms=[…]",
			when: hasModules,
			looks: []look{calls([]string{"jwt"}, func(call python.Called) string {
				options, _ := call.Keyword("options")
				value, found := options.Lookup("verify_signature")
				verify, given := call.Keyword("verify")
				if call.Text == "jwt.decode" && (found && value.Text == "False" || given && verify.Text == "False") {
					return "takes every token"
				}
				return ""
			})},
		},
		{
			ID: "temporary-file", Severity: Warning, Title: "Names of temporary files cannot be guessed",
			Why:  "mktemp only makes up a name: another program may put a link there first.",
			Fix:  "tempfile.NamedTemporaryFile or mkstemp",
			when: hasModules,
			looks: []look{calls([]string{"mktemp"}, func(call python.Called) string {
				if call.Text == "tempfile.mktemp" {
					return "mktemp only makes up a name"
				}
				return ""
			})},
		},
		{
			ID: "request-timeout", Severity: Warning, Title: "Calls of other services have a time limit",
			Why:  "requests waits for ever: one slow partner takes every worker.",
			Fix:  "requests.get(url, timeout=10)",
			when: hasModules,
			looks: []look{calls([]string{"requests."}, func(call python.Called) string {
				method, isCall := strings.CutPrefix(call.Text, "requests.")
				_, limited := call.Keyword("timeout")
				_, rest := call.Keyword("**")
				if isCall && slices.Contains([]string{"get", "post", "put", "patch", "delete", "head", "request"}, method) && !limited && !rest {
					return "waits for ever"
				}
				return ""
			})},
		},
	}
}

func unsafeLoads(call python.Called) string {
	switch call.Text {
	case "pickle.load", "pickle.loads", "cPickle.loads", "dill.load", "dill.loads", "marshal.loads", "marshal.load", "pickle.Unpickler", "shelve.open":
		return call.Text + " runs what the data says"
	case "yaml.load", "yaml.load_all":
		loader, given := call.Keyword("Loader")
		if !given && len(call.Items) > 1 {
			loader = call.Items[1]
		}
		if !strings.Contains(loader.Text, "SafeLoader") {
			return "yaml.load runs what the data says"
		}
	}
	return ""
}

func unverified(call python.Called) string {
	root, _, _ := strings.Cut(call.Text, ".")
	value, given := call.Keyword("verify")
	http := root == "requests" || root == "httpx" || root == "session" || root == "client" || strings.HasSuffix(call.Text, ".get") || strings.HasSuffix(call.Text, ".post")
	switch {
	case given && http && value.Kind == python.Bool && value.Text == "False":
		return "does not check the other side's certificate"
	case call.Text == "ssl._create_unverified_context":
		return "does not check the other side's certificate"
	}
	return ""
}

func shellCalls(call python.Called) string {
	if len(call.Items) == 0 || call.Items[0].Kind == python.String {
		return ""
	}
	value, given := call.Keyword("shell")
	if given && isTrue(value) && strings.HasPrefix(call.Text, "subprocess.") || call.Text == "os.system" || call.Text == "os.popen" {
		return call.Text + " gives a shell a text that was put together"
	}
	return ""
}

func builtSQL(_ *repository, m *module) (findings []Finding) {
	source := m.read()
	for _, call := range source.Calls {
		method := call.Text[strings.LastIndexByte(call.Text, '.')+1:]
		if len(call.Items) == 0 || method != "execute" && method != "executemany" && method != "raw" && call.Text != "sqlalchemy.text" {
			continue
		}
		text := call.Items[0]
		built := builtText(text, source.Assignments, call.Scope) && sqlVerb().MatchString(firstText(text)) ||
			text.Kind == python.Other && formattedSQL().MatchString(m.line(text.Line))
		if built && !m.excused(call.Value.Line) {
			findings = append(findings, m.finding(call.Value.Line, "SQL is put together from values"))
		}
	}
	return findings
}

var (
	sqlVerb = lazy.Regexp(`(?i)^\s*(select|insert|update|delete|replace|drop|alter|create|truncate|with)\b`)
	// formattedSQL is for methods of a literal, which have no name.
	formattedSQL = lazy.Regexp(`(?i)["']\s*(select|insert|update|delete|replace|drop|alter|create|truncate|with)\b.*["']\.format\(`)
	field        = lazy.Regexp(`\{\s*([^}:!]*)`)
)

// builtText reports whether a text has values in it that are not written in the same scope.
func builtText(value python.Value, assignments []python.Assignment, scope string) bool {
	written := func(name string) bool {
		return strings.ToUpper(name) == name || slices.ContainsFunc(assignments, func(a python.Assignment) bool {
			return a.Scope == scope && a.Name == name && a.Value.Literal()
		})
	}
	switch value.Kind {
	case python.Format:
		return slices.ContainsFunc(field().FindAllStringSubmatch(value.Text, -1), func(match []string) bool { return !written(strings.TrimSpace(match[1])) })
	case python.Operation:
		return (value.Text == "%" || value.Text == "+") && slices.ContainsFunc(value.Items[1:], func(v python.Value) bool {
			return !v.Literal() && (v.Kind != python.Name || !written(v.Text))
		})
	}
	return false
}

// firstText is what a text begins with.
func firstText(value python.Value) string {
	if value.Kind == python.Operation && len(value.Items) > 0 {
		return value.Items[0].Text
	}
	return value.Text
}

// gitIgnores reports whether a file is one that git does not take.
func (r *repository) gitIgnores(name string) bool {
	return ignore.Git(r.ignored(), name) || r.nestedIgnore(name)
}
