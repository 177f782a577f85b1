// Package web is the page of `kitout serve`: the questions as a form, and the repository that follows from the answers. It renders in
// memory; nothing that a browser sends reaches the disk.
package web

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/kitout/kitout/cmd/internal/origin"
	"github.com/kitout/kitout/generator"
)

//go:embed assets
var assets embed.FS

// Tool is what the page is made with.
type Tool struct {
	Catalog *generator.Catalog
	Options generator.Options
	// Offer is what can be chosen, for the page's script.
	Offer Offer
	// Resolve lays answers over the defaults.
	Resolve func(answers map[string][]string) (*generator.Answers, error)
	// Command is the line for a shell that gives the answers.
	Command func(*generator.Answers) string
	// Warnings are what the user should know of files that are complete only later.
	Warnings func([]generator.File) []string
}

// Offer is what can be chosen; its JSON form is what the page's script reads.
type Offer struct {
	Version   string   `json:"version"`
	Questions any      `json:"questions"` // as `kitout options --json`
	Presets   any      `json:"presets"`   // as `kitout presets --json`
	Free      []Free   `json:"free"`
	Sections  []string `json:"sections"` // the titles of the checklist's sections, in order
}

// Free is a free answer; Choices are the values that it may have, if they are few.
type Free struct {
	Key     string   `json:"key"`
	Title   string   `json:"title"`
	Help    string   `json:"help"`
	Needs   string   `json:"needs,omitempty"`
	Choices []string `json:"choices,omitempty"`
}

// maxBody bounds what a browser may send, in bytes. All answers together take a tenth of it.
const maxBody = 16 << 10

// Handler serves the page to browsers on this machine that have a key.
func Handler(tool Tool, keys *Keys) http.Handler {
	pages, err := fs.Sub(assets, "assets")
	if err != nil {
		panic(err) // the folder is embedded
	}
	mux := http.NewServeMux()
	mux.Handle("GET /", http.FileServerFS(pages))
	mux.HandleFunc("POST /api/session", func(w http.ResponseWriter, r *http.Request) {
		var sent struct{ Key string }
		if read(w, r, &sent) {
			keys.exchange(w, sent.Key)
		}
	})
	mux.HandleFunc("GET /api/offer", keys.wanted(func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, tool.Offer) }))
	b := &builder{Tool: tool}
	for path, reply := range map[string]func(*request) (any, error){"plan": b.showPlan, "file": b.showFile, "archive": b.archive} {
		mux.HandleFunc("POST /api/"+path, keys.wanted(func(w http.ResponseWriter, r *http.Request) {
			var sent request
			if !read(w, r, &sent) {
				return
			}
			result, err := reply(&sent)
			switch file, is := result.(*download); {
			case err != nil:
				tool.fail(w, &sent, err)
			case is:
				file.send(w)
			default:
				answer(w, http.StatusOK, result)
			}
		}))
	}
	return guard(mux)
}

// request is what the page asks for: something of the repository that follows from the answers.
type request struct {
	Answers map[string][]string
	Before  map[string][]string // answers to compare with; may be nil
	Path    string              // of one file
	Format  string              // of the archive
}

// read decodes the body, or refuses it.
func read(w http.ResponseWriter, r *http.Request, target any) bool {
	if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); kind != "application/json" {
		refuse(w, http.StatusUnsupportedMediaType, "the body must be JSON")
		return false
	}
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(target)
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		refuse(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("the body has more than %d bytes", maxBody))
	} else if err != nil {
		refuse(w, http.StatusBadRequest, "the body is not what the page sends")
	}
	return err == nil
}

func answer(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value) // the browser has gone
}

// problem is an answer that says what is wrong.
type problem struct {
	refusal
	Hint    string             `json:"hint,omitempty"`
	Refused map[string]refusal `json:"refused,omitempty"`
}

// refusal is what an answer does not go with.
type refusal struct {
	By      string   `json:"by,omitempty"` // question=choice, or the key of a free answer
	Problem string   `json:"problem"`
	Instead []string `json:"instead,omitempty"` // other answers with which it would go, as question=choice
}

func refusalOf(err *generator.UsageError) refusal {
	return refusal{strings.ReplaceAll(strings.TrimPrefix(err.Flag, "--"), " ", "="), err.Problem, err.Instead}
}

func refuse(w http.ResponseWriter, status int, words string) {
	answer(w, status, problem{refusal: refusal{Problem: words}})
}

// notThere is about a file or a format that there is not.
type notThere struct{ what string }

func (n notThere) Error() string { return n.what }

// fail says what is wrong with the answers, or with kitout.
func (t Tool) fail(w http.ResponseWriter, sent *request, err error) {
	if missing, is := errors.AsType[notThere](err); is {
		refuse(w, http.StatusNotFound, missing.Error())
		return
	}
	usage, is := errors.AsType[*generator.UsageError](err)
	if !is {
		refuse(w, http.StatusInternalServerError, err.Error())
		return
	}
	p := problem{refusal: refusalOf(usage), Hint: usage.Hint}
	if answers, err := t.resolve(sent.Answers); err == nil {
		p.Refused, _ = t.refused(answers)
	}
	answer(w, http.StatusUnprocessableEntity, p)
}

// resolve takes answers to the questions that the page asks, and to no others.
func (t Tool) resolve(given map[string][]string) (*generator.Answers, error) {
	for key := range given {
		if t.Catalog.Question(key) == nil && !isFree(key) {
			return nil, &generator.UsageError{Flag: "--" + key, Problem: "there is no such question"}
		}
	}
	return t.Resolve(given)
}

func isFree(key string) bool {
	for _, free := range generator.Free {
		if free.Key == key {
			return true
		}
	}
	return false
}

// builder builds repositories, and remembers the last ones: whoever looks at files stays with an answer, and compares it with the one
// before.
type builder struct {
	Tool

	mu   sync.Mutex
	last []built // the newest at the end
}

type built struct {
	given map[string][]string
	plan  *generator.Plan
	files []generator.File
}

// build renders what `kitout new` writes, but for the secrets, which are made where they stay.
func (b *builder) build(given map[string][]string) (*generator.Plan, []generator.File, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, known := range b.last {
		if maps.EqualFunc(known.given, given, slices.Equal) {
			return known.plan, known.files, nil
		}
	}
	plan, files, err := b.render(given)
	if err != nil {
		return nil, nil, err
	}
	const remembered = 2
	b.last = append(b.last[max(0, len(b.last)-remembered+1):], built{given, plan, files})
	return plan, files, nil
}

func (t Tool) render(given map[string][]string) (*generator.Plan, []generator.File, error) {
	answers, err := t.resolve(given)
	if err != nil {
		return nil, nil, err
	}
	plan, err := t.Catalog.NewPlan(answers, t.Options)
	if err != nil {
		return nil, nil, err
	}
	changes, err := plan.Build(nil)
	if err != nil {
		return nil, nil, err
	}
	files := make([]generator.File, 0, len(changes))
	for _, change := range changes {
		if change.Policy != generator.Secret {
			files = append(files, change.File)
		}
	}
	return plan, files, nil
}

func fileAt(files []generator.File, path string) *generator.File {
	for i := range files {
		if files[i].Path == path {
			return &files[i]
		}
	}
	return nil
}

// refused says of each choice that does not go with the answers why, by question=choice.
func (t Tool) refused(answers *generator.Answers) (map[string]refusal, error) {
	found, err := t.Catalog.Refusals(answers)
	reasons := make(map[string]refusal, len(found))
	for pair, reason := range found {
		reasons[pair] = refusalOf(reason)
	}
	return reasons, err
}

func (t Tool) origin(plan *generator.Plan, file *generator.File) (origin.Origin, error) {
	return origin.Of(t.Catalog, plan, file.Layer, file.Policy)
}
