package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestServe uses the page of `kitout serve` with a keyboard alone, in a real browser: choices, the tree, a difference, a refusal, a
// download that is what the command on the page writes. axe-core judges what it looks like on the way, in the light, in the dark and on
// a narrow screen.
func TestServe(t *testing.T) {
	t.Parallel()
	address := servePage(t)
	b := newBrowser(t)
	b.run(chromedp.Navigate(address))
	b.awaitTrue("the first repository", `document.querySelector("#file[aria-busy=false] .line") && document.title === "shop – Kitout"`)
	if b.isTrue(`location.hash !== "" || document.cookie !== ""`) {
		t.Error("the key stays where others may find it")
	}
	b.accessible("at first")

	b.tabTo("the frameworks", `active.name === "framework"`)
	b.press(kb.ArrowDown)
	b.awaitTrue("what another framework recommends", `!byId("framework-fastapi").checked && byId("config-environ").checked && /--config environ/.test(byId("command").textContent)`)
	b.press(kb.ArrowUp)
	b.awaitTrue("what FastAPI recommends", `byId("framework-fastapi").checked && byId("config-pydantic").checked && /--config pydantic/.test(byId("command").textContent)`)

	b.tabTo("the databases", `active.name === "database"`)
	b.press(kb.ArrowDown, kb.ArrowDown)
	b.awaitTrue("PostgreSQL", `/--database postgres/.test(byId("command").textContent) && /: \d+ added, \d+ changed, 1 removed$/.test(status())`)
	b.tabTo("the tree", `active.role === "treeitem"`)
	b.press(kb.Home, "d", kb.ArrowDown)
	b.awaitTrue("the folder deploy", `active().id === "node:deploy"`)
	b.press(kb.ArrowRight, "p")
	b.awaitTrue("the folder deploy/postgres", `active().id === "node:deploy/postgres"`)
	b.press(kb.ArrowRight, kb.ArrowRight, kb.Enter)
	b.awaitTrue("a file that has been added", `shown() === "deploy/postgres/application-role.sh" && /Database: PostgreSQL/.test(byId("file-body").textContent)`)
	b.press(kb.End, "c", "c", "c", "c")
	b.awaitTrue("compose.yaml", `active().id === "node:compose.yaml"`)
	b.press(kb.Enter)
	b.awaitTrue("a file that differs", `shown() === "compose.yaml"`)
	b.tabTo("its difference", `active.id === "view-changes"`)
	b.press(kb.Enter)
	b.awaitTrue("its difference", `[...document.querySelectorAll(".line.added")].some((line) => /postgres/.test(line.textContent)) && active().id === "view-changes"`)
	b.accessible("with a difference")
	b.screenshot("difference")

	b.tabTo("the deployments", `active.name === "deploy"`)
	b.press(kb.ArrowDown)
	b.awaitTrue("what Kubernetes needs", `byId("deploy-kubernetes").checked && byId("proxy-none").checked && byId("problem").textContent === ""`)
	b.tabTo("the proxies", `active.name === "proxy"`)
	b.press(kb.ArrowDown)
	b.awaitTrue("a refusal", `/Kubernetes needs No proxy: /.test(byId("problem").textContent) && document.querySelector("[data-format]").disabled`)
	b.accessible("with a refusal")
	b.screenshot("refusal")
	b.tabTo("the way back", `active.textContent === "Undo the last change"`)
	b.press(kb.Enter)
	b.awaitTrue("no proxy again", `byId("problem").textContent === "" && byId("proxy-none").checked`)
	b.tabTo("the way back again", `active.id === "undo"`)
	b.press(kb.Enter)
	b.awaitTrue("Docker Compose again", `byId("problem").textContent === "" && byId("deploy-compose").checked && !document.querySelector("[data-format]").disabled`)

	b.tabTo("the name", `active.id === "free-name"`)
	b.press(kb.End, "1")
	b.awaitTrue("another name", `byId("free-name").getAttribute("aria-invalid") === "false" && document.title === "shop1 – Kitout"`)
	b.press("!")
	b.awaitTrue("a bad name", `byId("free-name").getAttribute("aria-invalid") === "true" && /is not a project name/.test(byId("free-name-problem").textContent)`)
	b.press(kb.Backspace)
	b.awaitTrue("a good name", `byId("free-name").getAttribute("aria-invalid") === "false" && document.title === "shop1 – Kitout"`)

	for _, format := range []string{"tar.gz", "zip"} {
		b.tabTo("the archive", fmt.Sprintf(`active.dataset.format === %q`, format))
		b.press(kb.Enter)
		archive := b.downloaded("shop1." + format)
		folder := t.TempDir()
		unpack := exec.Command("tar", "-xzf", archive)
		if format == "zip" {
			unpack = exec.Command("python3", "-m", "zipfile", "-e", archive, ".") // which leaves the modes away
		}
		b.inside(folder, unpack)
		command := b.text(`byId("command").textContent`)
		b.inside(t.TempDir(), exec.Command("sh", "-c", strings.Replace(command, "kitout new shop1", kitout+" new "+filepath.Join(folder, "new")+" --no-git", 1)))
		b.inside(folder, exec.Command("diff", "--recursive", "--exclude", ".env", "shop1", "new"))
		if format == "tar.gz" {
			modes := `cd "$1" && find . -type f ! -name .env -printf '%m %p\n' | sort`
			b.inside(folder, exec.Command("bash", "-c", fmt.Sprintf(`modes() { %s; }; diff <(modes shop1) <(modes new)`, modes)))
		}
	}

	b.run(chromedp.Reload())
	b.awaitTrue("the answers after the page was loaded again", `document.querySelector("#file[aria-busy=false] .line") && document.title === "shop1 – Kitout" && byId("database-postgres").checked`)

	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}})
	b.awaitTrue("a dark page", `getComputedStyle(document.body).backgroundColor.match(/\d+/g).every((part) => part < 60)`)
	b.accessible("in the dark")
	b.screenshot("dark")
	const narrow = 360
	b.run(chromedp.EmulateViewport(narrow, 780, chromedp.EmulateMobile))
	b.awaitTrue("no scrolling to the side", fmt.Sprintf(`innerWidth === %d && document.documentElement.scrollWidth === %d`, narrow, narrow))
	b.accessible("on a narrow screen")
	b.screenshot("narrow")
	b.withoutFaults(strings.SplitAfter(address, "/#")[0])
}

// servePage starts the command, which ends by an interrupt with the test, and returns the address that it prints.
func servePage(t *testing.T) string {
	t.Helper()
	command := exec.Command(kitout, "serve", "--no-open")
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(command.Process.Signal(os.Interrupt), command.Wait()); err != nil {
			t.Errorf("kitout serve: %v", err)
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// browser is a page of a real browser, and what went wrong on it.
type browser struct {
	t         *testing.T
	ctx       context.Context
	axe       string
	downloads string

	mu        sync.Mutex
	addresses []string
	faults    []string
	complete  map[string]bool // downloads, by their identity
	names     map[string]string
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	b := &browser{
		t: t, axe: readFile(t, filepath.Join(toolFolder(t), "axe", "node_modules", "axe-core", "axe.min.js")), downloads: t.TempDir(),
		complete: map[string]bool{}, names: map[string]string{},
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.WindowSize(1360, 1000))
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox) // it refuses to be root's
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	b.ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := errors.Join(chromedp.Listen(b.ctx, b.listen), chromedp.ListenBrowser(b.ctx, b.listen)); err != nil {
		t.Fatal(err)
	}
	call(b, network.Enable, network.EnableParams{})
	call(b, log.Enable, cdp.Empty{})
	events := true
	behaviour := cdpbrowser.SetDownloadBehaviorParams{Behavior: cdpbrowser.SetDownloadBehaviorBehaviorAllow, DownloadPath: b.downloads, EventsEnabled: &events}
	if _, err := chromedp.CallBrowser(b.ctx, cdpbrowser.SetDownloadBehavior, behaviour); err != nil {
		t.Fatal(err)
	}
	return b
}

// listen remembers what is asked of the network, what the console says, and what is downloaded.
func (b *browser) listen(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch event := event.(type) {
	case *network.EventRequestWillBeSent:
		b.addresses = append(b.addresses, event.Request.URL)
	case *network.EventResponseReceived:
		if status := event.Response.Status; status >= http.StatusBadRequest && status != http.StatusUnprocessableEntity {
			b.faults = append(b.faults, fmt.Sprintf("%s: status %d", event.Response.URL, status))
		}
	case *log.EventEntryAdded:
		if event.Entry.Source != log.EntrySourceNetwork {
			b.faults = append(b.faults, event.Entry.Text)
		}
	case *runtime.EventExceptionThrown:
		b.faults = append(b.faults, event.ExceptionDetails.Text)
	case *cdpbrowser.EventDownloadWillBegin:
		b.names[event.GUID] = event.SuggestedFilename
	case *cdpbrowser.EventDownloadProgress:
		if event.State == cdpbrowser.DownloadProgressStateCompleted {
			b.complete[b.names[event.GUID]] = true
		}
	}
}

func (b *browser) run(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// call sends a command of the protocol to the page.
func call[P, R any](b *browser, command cdp.Command[P, R], params P) {
	b.t.Helper()
	if _, err := chromedp.Call(b.ctx, command, params); err != nil {
		b.t.Fatal(err)
	}
}

// helpers are in front of every expression.
const helpers = `const byId = (id) => document.getElementById(id), status = () => byId("status").textContent, active = () => document.activeElement,
	shown = () => byId("file").getAttribute("aria-busy") === "false" && byId("file-title").textContent;`

func evaluate[T any](b *browser, expression string) T {
	b.t.Helper()
	result, err := chromedp.Run(b.ctx, chromedp.Evaluate[T]("(async () => {"+helpers+"return "+expression+"})()", chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return result
}

func (b *browser) isTrue(expression string) bool {
	b.t.Helper()
	return evaluate[bool](b, "Boolean("+expression+")")
}

func (b *browser) text(expression string) string {
	b.t.Helper()
	return evaluate[string](b, "String("+expression+")")
}

func (b *browser) awaitTrue(what, expression string) {
	b.t.Helper()
	err := await(func() error {
		if !b.isTrue(expression) {
			return errors.New("not there")
		}
		return nil
	})
	if err != nil {
		b.screenshot("failure")
		b.t.Fatalf("%s: %v; active: %s; status: %s; problem: %s", what, err, b.text("active().outerHTML.slice(0, 300)"), b.text("status()"), b.text(`byId("problem").textContent`))
	}
}

func (b *browser) press(keys ...string) {
	b.t.Helper()
	for _, key := range keys {
		b.run(chromedp.KeyEvent(key))
	}
}

// tabTo presses the tab key until an element has the focus of which the expression holds, once around the page. What has the focus must
// be seen to have it.
func (b *browser) tabTo(what, expression string) {
	b.t.Helper()
	for range 120 {
		b.press(kb.Tab)
		if !b.isTrue(`((active) => active !== document.body && (` + expression + `))(active())`) {
			continue
		}
		if !b.isTrue(`[active(), active().nextElementSibling, active().firstElementChild].some((e) => e && getComputedStyle(e).outlineStyle === "solid")`) {
			b.t.Errorf("%s: nothing shows that it has the focus", what)
		}
		return
	}
	b.screenshot("failure")
	b.t.Fatalf("the tab key does not lead to %s", what)
}

// accessible lets axe-core look at the page as it is.
func (b *browser) accessible(when string) {
	b.t.Helper()
	b.run(chromedp.Evaluate[chromedp.Void](b.axe))
	report := evaluate[struct {
		Violations []struct {
			ID    string `json:"id"`
			Help  string `json:"help"`
			Nodes []struct {
				HTML           string `json:"html"`
				FailureSummary string `json:"failureSummary"`
			} `json:"nodes"`
		} `json:"violations"`
		Passes int `json:"passes"`
	}](b, `axe.run().then((r) => ({ violations: r.violations, passes: r.passes.length }))`)
	for _, violation := range report.Violations {
		nodes, _ := json.Marshal(violation.Nodes)
		b.t.Errorf("%s: %s: %s\n%.1500s", when, violation.ID, violation.Help, nodes)
	}
	if report.Passes < 20 {
		b.t.Errorf("%s: only %d of axe's rules looked at something", when, report.Passes)
	}
}

// downloaded awaits a download, and returns its path.
func (b *browser) downloaded(name string) string {
	b.t.Helper()
	err := await(func() error {
		b.mu.Lock()
		defer b.mu.Unlock()
		if !b.complete[name] {
			return fmt.Errorf("%s: not downloaded", name)
		}
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return filepath.Join(b.downloads, name)
}

// inside runs a command in a folder, which must succeed.
func (b *browser) inside(folder string, command *exec.Cmd) {
	b.t.Helper()
	command.Dir = folder
	if output, err := command.CombinedOutput(); err != nil {
		b.t.Fatalf("%s: %v\n%s", command, err, tail(string(output)))
	}
}

// screenshot keeps a picture where KITOUT_E2E_SCREENSHOTS names a folder.
func (b *browser) screenshot(name string) {
	b.t.Helper()
	folder := os.Getenv("KITOUT_E2E_SCREENSHOTS")
	if folder == "" {
		return
	}
	picture, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, name+".png"), picture, 0o600)
	}
	if err != nil {
		b.t.Error(err)
	}
}

// withoutFaults wants that nothing but the page's own server was asked for anything, and that the console has nothing to say.
func (b *browser) withoutFaults(base string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	base = strings.TrimSuffix(base, "#")
	for _, address := range b.addresses {
		if !strings.HasPrefix(address, base) && !strings.HasPrefix(address, "blob:"+base) {
			b.t.Errorf("the page asks %s", address)
		}
		if strings.Contains(strings.TrimPrefix(address, base), "?") {
			b.t.Errorf("the page sends something in the address: %s", address)
		}
	}
	for _, fault := range b.faults {
		b.t.Errorf("the page's console: %s", fault)
	}
	if len(b.addresses) < 10 {
		b.t.Errorf("only %q was asked for", b.addresses)
	}
}
